import fc from 'fast-check'
import { lessIsLess, longLife, noEscalation } from './laws.ts'

/**
 * The random worlds for as long as one likes: `npm run test:long -- [steps] [seed]`. Prints the seed; a failure names the one of
 * its round, which shows the failure again, and what differed; making it small can take ten minutes.
 */
const usage = 'Usage: npm run test:long -- [steps, a number above 0] [seed, a whole number]\n'
if (process.argv.slice(2).some((one) => one === '--help' || one === '-h')) {
  process.stdout.write(usage)
  process.exit(0)
}
const wanted = Number(process.argv[2] ?? 1_000_000)
const first = Number(process.argv[3] ?? Math.floor(Math.random() * 2 ** 31))
if (!(wanted > 0 && Number.isInteger(first))) {
  process.stderr.write(usage)
  process.exit(2)
}

let steps = 0
let allowed = 0
const count = (taken: number) => {
  steps += taken
}
process.stdout.write(`${wanted} steps, seed ${first}\n`)
for (let seed = first; steps < wanted; seed++) {
  const laws = [longLife(420, count), lessIsLess(count), noEscalation(count, () => allowed++)]
  for (const law of laws) {
    const result = await fc.check<unknown>(law, { seed, numRuns: 40 })
    if (!result.failed) continue
    process.stderr.write(`Round of seed ${seed}: ${result.errorInstance}\n${fc.defaultReportMessage(result)}\n`)
    process.exit(1)
  }
  process.stdout.write(`seed ${seed}: ${steps} steps, ${allowed} of them allowed changes\n`)
}
