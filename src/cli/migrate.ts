import { Command } from 'commander'
import { readConfig } from '../config.ts'
import { openDatabase } from '../db/database.ts'
import { migrateToLatest, thisRelease } from '../db/migrate.ts'
import { makeDataFolder } from '../lib/data-folder.ts'
import { createLogger } from '../log.ts'

/** `migrate`: brings the database to this release. */
export function migrateCommand(): Command {
  return new Command('migrate')
    .description('Apply pending migrations to the database (DATABASE_URL, else the embedded one of a stopped service)')
    .option('--json', 'machine output')
    .action(async (options: { json?: true }) => {
      const config = readConfig({ EMS_SECRET: 'not needed to migrate a database', ...process.env })
      const log = createLogger({ level: 'warn' })
      if (config.databaseUrl === undefined) await makeDataFolder(config.dataDir)
      await using database = await openDatabase({ url: config.databaseUrl, dataDir: config.dataDir, log })
      const applied = await migrateToLatest(database.db, { release: await thisRelease(), log })
      process.stdout.write(
        options.json
          ? `${JSON.stringify({ applied })}\n`
          : applied.length === 0
            ? 'Nothing to do.\n'
            : `Applied: ${applied.join(', ')}\n`,
      )
    })
}
