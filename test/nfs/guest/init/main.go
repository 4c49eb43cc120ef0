// Command init is process 1 of a host of the NFS laboratory.
package main

import "github.com/conclavemq/conclave/test/nfs/guest"

func main() { guest.Boot() }
