package main

import "github.com/spf13/cobra"

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "conclave",
		Short:         "A message broker for ActiveMQ's clients, with failover on a shared directory",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return &codedError{exitUsage, err}
	})
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(
		newStartCommand(),
		newStopCommand(),
		newStatusCommand(),
		newSwitchoverCommand(),
		newChaosCommand(),
		newCheckConfigCommand(),
		newCheckStorageCommand(),
		newStorageHelperCommand(),
		newProducerCommand(),
		newConsumerCommand(),
		newJournalCommand(),
		newBackupCommand(),
		newSchemaCommand(),
		newMigrateCommand(),
		newVersionCommand(),
	)
	return root
}
