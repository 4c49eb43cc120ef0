#!/bin/sh
# Makes the directories that TestDirectoriesOfActiveMQ reads, with Debian's
# ActiveMQ (packages activemq and default-jdk-headless):
#   sh generate.sh
# crash.tar.gz is what a killed broker leaves, clean.tar.gz what a stopped one
# does; crash.txt and clean.txt are what ActiveMQ itself finds in them.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
lib=/usr/share/activemq/lib
path=$(ls $lib/*.jar | tr '\n' ':')
javac -nowarn -d "$work/classes" -cp "$path" "$here/Directory.java"
for how in crash clean; do
	java -cp "$work/classes:$path" Directory $how "$work/$how"
	rm -f "$work/$how/lock"
	tar -C "$work" --sparse --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - "$how" | gzip -9n >"$here/$how.tar.gz"
	cp -r "$work/$how" "$work/$how.copy"
	java -cp "$work/classes:$path" Directory read "$work/$how.copy" >"$here/$how.txt"
done
