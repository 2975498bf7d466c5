import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

if (Number(process.versions.node.split('.')[0]) < 24) {
  throw new Error(
    'Tests need Node 24, as the service does: run `npm test -- <file>`, which takes the one in node_modules',
  )
}

/** Contract tests that need a database; all other tests of `contract/` and `unit/` do without. */
const contractsWithDatabase = ['test/contract/schema.test.ts', 'test/contract/migrations.test.ts']

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    setupFiles: ['test/harness/property-seed.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/contract/**/*.test.ts'],
          exclude: contractsWithDatabase,
          testTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'db',
          include: ['test/!(unit|contract|load|bench)/**/*.test.ts', ...contractsWithDatabase],
          globalSetup: ['test/harness/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
