// Package inspect is what an operator does with a journal that no broker of
// his serves: it verifies a directory, prints its records, says what it holds
// and what keeps its files, cuts damage out of it, takes messages out of it, and
// makes backups of one that is served.
//
// All but [Repair] and [Copy] only read, through a file system that refuses
// anything else. A directory may be in use meanwhile: what is read is then the
// journal up to some moment, and what is no batch at its end has not been
// written yet. Nothing here has goroutines but [Verify], which reads two files
// at a time and joins them.
package inspect
