import { Command } from 'commander'
import { allMethods } from '../api/index.ts'
import { describeApi, describeForPeople } from '../rpc/describe.ts'

/** `api-docs`: every method, for people or as an OpenRPC document. */
export function apiDocsCommand(): Command {
  return new Command('api-docs')
    .description('Print the methods of the service')
    .option('--json', 'as an OpenRPC document')
    .action((options: { json?: true }) => {
      process.stdout.write(
        options.json ? `${JSON.stringify(describeApi(allMethods), null, 2)}\n` : describeForPeople(allMethods),
      )
    })
}
