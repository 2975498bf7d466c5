import { Command } from 'commander'
import { actAsCommand } from './act-as.ts'
import { apiDocsCommand } from './api-docs.ts'
import { callCommands } from './calls.ts'
import { createUserCommand } from './create-user.ts'
import { exportCommand } from './export.ts'
import { explainFailure } from './failure.ts'
import { importCommand, importReportCommand } from './import.ts'
import { inviteImportedCommand } from './invitations.ts'
import { migrateCommand } from './migrate.ts'
import { odooCommand } from './odoo.ts'
import { serveCommand } from './serve.ts'
import { simulateCommand } from './simulate.ts'

const program = new Command('ems-metadata')
  .description('OpenEMS metadata provider: accounts, access and the live side of a fleet')
  .showHelpAfterError('(--help shows what is possible)')
  .addHelpText('after', '\nExit codes: 0 done, 1 failed, 2 wrong use.\n')
for (const command of [
  serveCommand(),
  migrateCommand(),
  createUserCommand(),
  ...callCommands(),
  actAsCommand(),
  importCommand(),
  importReportCommand(),
  inviteImportedCommand(),
  simulateCommand(),
  exportCommand(),
  odooCommand(),
  apiDocsCommand(),
]) {
  program.addCommand(command)
}

try {
  program.exitOverride()
  for (const command of program.commands) {
    command.exitOverride().showHelpAfterError(`(ems-metadata ${command.name()} --help shows what is possible)`)
  }
  await program.parseAsync()
} catch (error) {
  process.exitCode = explainFailure(error, process.argv.includes('--json'))
}
