import { writeFile } from 'node:fs/promises'
import { describeRules, tableFile } from './rules-table.ts'

/** `npm run rules`: writes the table of rules and tests anew. */
await writeFile(tableFile, await describeRules())
