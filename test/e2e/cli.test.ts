import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { apiDocsCommand } from '../../src/cli/api-docs.ts'
import { callCommands } from '../../src/cli/calls.ts'
import { createUserCommand } from '../../src/cli/create-user.ts'
import { importCommand, importReportCommand } from '../../src/cli/import.ts'
import { migrateCommand } from '../../src/cli/migrate.ts'
import { serveCommand } from '../../src/cli/serve.ts'
import { simulateCommand } from '../../src/cli/simulate.ts'
import { type Finished, runCli } from '../harness/child.ts'
import { EdgeClient, type Json, ServiceClient, UiClient } from '../harness/clients.ts'
import { openOperator } from '../harness/operator.ts'
import { startTestService, type TestService, temporaryFolder, unpackEmbedded } from '../harness/service.ts'

const PROCESS_MS = 60_000

let service: TestService
beforeAll(async () => {
  service = await startTestService()
})
afterAll(() => service?.[Symbol.asyncDispose]())

/** Against the running service of this file, by its control socket. */
async function local(...args: string[]): Promise<Finished> {
  return await runCli([...args, '--data-dir', service.config.dataDir])
}

describe('--help', { timeout: PROCESS_MS * 3 }, () => {
  const commands = [
    'serve',
    'migrate',
    'simulate',
    'create-user',
    'set-password',
    'create-edge',
    'rotate-edge-key',
    'create-service-token',
    'rotate-service-token',
    'list-service-tokens',
    'grant',
    'revoke',
    'explain',
    'create-organisation',
    'create-site',
    'create-group',
    'create-role',
    'add-member',
    'invite',
    'list',
    'show',
    'end-service-token',
    'rename',
    'delete',
    'disable',
    'enable',
    'move',
    'move-organisation',
    'share',
    'unshare',
    'add-to-group',
    'remove-from-group',
    'remove-member',
    'hand-over',
    'import',
    'import-report',
    'call',
    'api-docs',
  ]

  it('lists every command', async () => {
    const { code, stdout, stderr } = await runCli(['--help'])
    expect([code, stderr]).toEqual([0, ''])
    for (const command of commands) expect(stdout).toMatch(new RegExp(`^ {2}${command}\\b`, 'm'))
  })

  it('of each says what it does', () => {
    const made = [
      serveCommand(),
      migrateCommand(),
      createUserCommand(),
      ...callCommands(),
      importCommand(),
      importReportCommand(),
      simulateCommand(),
      apiDocsCommand(),
    ]
    expect(made.map((command) => command.name())).toEqual(expect.arrayContaining(commands))
    for (const command of made) {
      expect(command.helpInformation()).toMatch(new RegExp(`^Usage: ${command.name()} `))
      expect(command.description()).not.toBe('')
    }
  })

  it('of serve has every setting', async () => {
    const { stdout } = await runCli(['serve', '--help'])
    for (const name of ['DATABASE_URL', 'EMS_SECRET', 'TLS_CERT', 'EMS_TRUSTED_PROXIES', 'ADMIN_PASSWORD'])
      expect(stdout).toContain(`  ${name} `)
  })
})

describe('wrong use', { timeout: PROCESS_MS }, () => {
  it.each([
    ['an unknown command', ['dance'], {}, /unknown command/],
    ['an unknown option', ['serve', '--dance'], {}, /unknown option/],
    ['a missing argument', ['create-edge'], {}, /missing required argument/],
    ['a grant on nothing', ['grant', 'ada', '--role', 'guest'], {}, /Say on what/],
    ['a grant to nobody', ['grant', '--role', 'guest', '--platform'], {}, /Say to whom/],
    ['a number that is none', ['delete', 'site', 'Hill House'], {}, /goes by its number/],
    ['a change of nothing', ['rename', 'edge', 'edge0'], {}, /Say what changes/],
    ['nowhere to move to', ['move', 'edge0'], {}, /Say where to/],
    ['a hand-over to nobody', ['hand-over', '--edge', 'edge0'], {}, /Say to whom/],
    ['an unknown setting', ['serve'], { EMS_UIPORT: '1' }, /EMS_UIPORT is not a setting\. Did you mean EMS_UI_PORT/],
    ['half of TLS', ['serve'], { TLS_CERT: 'a.pem' }, /TLS_CERT and TLS_KEY belong together/],
    ['params that are no JSON', ['call', 'listRoles', '[1]'], {}, /one JSON object/],
    [
      'a data folder that cannot be made',
      ['serve'],
      { EMS_DATA_DIR: '/proc/ems/data' },
      /EMS_DATA_DIR: "\/proc\/ems\/data" cannot be used/,
    ],
    [
      'a data folder that cannot be made, to migrate',
      ['migrate'],
      { EMS_DATA_DIR: '/proc/ems/data' },
      /EMS_DATA_DIR: .* cannot be used/,
    ],
    [
      'a file in place of the data folder',
      ['serve'],
      { EMS_DATA_DIR: '/dev/null' },
      /EMS_DATA_DIR: "\/dev\/null" cannot be used/,
    ],
    ['nowhere to add to', ['add-member', 'ada'], {}, /either --organisation or --group/],
    [
      'no service there',
      ['create-edge', 'edge0', '--data-dir', '/nonexistent'],
      {},
      /No service runs on this data folder/,
    ],
    [
      'an address without a token',
      ['create-edge', 'edge0', '--url', 'ws://127.0.0.1:1/service'],
      {},
      /--url needs --token/,
    ],
  ] as const)('%s ends with 2 and a sentence, without a stack', async (_what, args, env, sentence) => {
    const { code, stdout, stderr } = await runCli([...args], env)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(sentence)
    expect(stderr).not.toMatch(/^ {4}at /m)
  })
})

describe('calls', { timeout: PROCESS_MS * 2 }, () => {
  it('rename, move, share, list, hand over and delete what there is, and say what stops it', async () => {
    const id = async (...args: string[]) => (JSON.parse((await local(...args, '--json')).stdout) as { id: number }).id
    const said = async (...args: string[]) => {
      const { code, stdout, stderr } = await local(...args)
      return code === 0 ? stdout.trim() : stderr.trim()
    }
    await local('create-user', 'tina')
    const main = String(await id('create-organisation', 'Tour', '--owner', 'tina'))
    const below = String(await id('create-organisation', 'Branch', '--owner', 'tina', '--parent', main))
    const site = String(await id('create-site', 'Old House', '--organisation', main))
    const group = String(await id('create-group', 'Pilots', '--of', 'edges', '--organisation', main))
    await local('create-edge', 'tour0', '--comment', 'Attic')
    expect(await said('move', 'tour0', '--site', site)).toBe('The edge tour0 is moved.')
    expect(await said('rename', 'site', site, 'New House', '--labels', 'solar,2026')).toMatch(/is changed/)
    expect(await said('list', 'sites', '--organisation', main)).toMatch(/New House .*labels: solar,2026/)
    expect(await said('rename', 'edge', 'tour0', 'Cellar')).toMatch(/is changed/)
    expect(await said('list', 'edges', '--query', 'cellar')).toMatch(/^tour0 {2}comment: Cellar/)
    expect(await said('rename', 'user', 'tina', 'Tina Tour', '--email', 'tina@example.org')).toMatch(/is changed/)
    expect(await said('list', 'users', '--query', 'TINA@')).toMatch(/^tina {2}Tina Tour/)
    expect(await said('share', site, '--organisation', below)).toBe(`The site ${site} is shared.`)
    expect(await said('list', 'sites', '--organisation', below)).toMatch(/New House/)
    expect(await said('unshare', site, '--organisation', below)).toBe(`The site ${site} is unshared.`)
    expect(await said('move-organisation', main, '--below', below)).toMatch(/A main organisation lies below no other/)
    expect(await said('add-to-group', group, '--edge', 'tour0')).toMatch(/is changed/)
    expect(await said('grant', 'tina', '--role', 'resource.control', '--edge', 'tour0')).toMatch(/^Granted/)
    expect(await said('list', 'grants', '--edge', 'tour0')).toMatch(/tina .*role: resource\.control/)
    expect(await said('remove-from-group', group, '--edge', 'tour0')).toMatch(/is changed/)
    expect(await said('delete', 'site', site)).toMatch(/The site still has 1 edge/)
    expect(await said('delete', 'organisation', main)).toMatch(
      /still has 1 sub-organisation, 1 site, .*: move or delete/,
    )
    expect(await said('hand-over', '--edge', 'tour0', '--invite', 'somebody@example.org')).toMatch(/^Offered until/)
    expect(await said('list', 'invitations', '--edge', 'tour0')).toMatch(/addressee: somebody@example\.org/)
    expect(await said('disable', 'user', 'tina')).toMatch(/last|is disabled/)
    expect(await said('delete', 'edge', 'tour0')).toBe('The edge tour0 is deleted.')
    expect(await said('list', 'invitations', '--edge', 'tour0')).toMatch(/There is no such edge or site: tour0/)
    expect(await said('delete', 'site', site)).toBe(`The site ${site} is deleted.`)
    expect(await said('remove-member', 'tina', '--organisation', below)).toMatch(/last/)
  })

  it('make a structure and people in it, and show both', async () => {
    expect((await local('create-user', 'otto')).code).toBe(0)
    const made = await local('create-organisation', 'Acme', '--owner', 'otto', '--json')
    const { id } = JSON.parse(made.stdout) as { id: number }
    const at = ['--organisation', String(id)]
    expect((await local('create-site', 'Hill House', ...at)).stdout).toMatch(/^Site Hill House has the id \d+\.\n$/)
    expect((await local('create-group', 'Team', '--of', 'users', ...at)).code).toBe(0)
    expect((await local('create-role', 'acme.helper', ...at, '--content', 'discover,overview')).code).toBe(0)
    expect((await local('add-member', 'nobody@example.org', ...at, '--role', 'viewer')).stdout).toBe(
      'nobody@example.org is invited.\n',
    )
    expect((await local('invite', ...at, '--role', 'viewer')).stdout).toMatch(/^Voucher, shown this once/)
    expect((await local('list', 'invitations', ...at)).stdout).toMatch(/addressee: nobody@example\.org/)
    expect((await local('list', 'invitations')).stdout).toMatch(/Acme .*addressee: nobody@example\.org/)
    expect((await local('list', 'roles', ...at, '--query', 'acme')).stdout).toMatch(/acme\.helper {2}content: discover/)
    expect((await local('list', 'members', ...at)).stdout).toMatch(/^otto {2}.*role: owner/)
    expect((await local('show', 'otto')).stdout).toMatch(/org\.owner on organisation Acme/)
    expect((await local('show', 'nobody')).code).toBe(1)
    const called = await local('call', 'listSites', JSON.stringify({ organisationId: id }), '--json')
    expect(JSON.parse(called.stdout)).toMatchObject({ sites: [{ name: 'Hill House' }], total: 1 })
  })

  it('O-06 make, grant and rotate on the running service, for people and for machines', async () => {
    const edge = await local('create-edge', 'edge0', '--comment', 'Bakery')
    expect(edge).toMatchObject({ code: 0, stderr: '' })
    expect(edge.stdout).toMatch(/^Edge edge0\n {2}API key +\S+\n {2}setup password +\S+\nBoth are shown this once\.\n$/)
    const user = JSON.parse((await local('create-user', 'ada', '--json')).stdout) as { login: string; password: string }
    expect(user).toEqual({ login: 'ada', password: expect.any(String) })
    expect((await local('grant', 'ada', '--role', 'owner', '--edge', 'edge0')).stdout).toMatch(/^Granted \(grant \d+\)/)
    await using ui = await UiClient.signedIn(service, 'ada', user.password)
    expect(await ui.request('getEdge', { edgeId: 'edge0' })).toMatchObject({
      edge: { comment: 'Bakery', role: 'owner' },
    })
    const { apiKey } = JSON.parse((await local('rotate-edge-key', 'edge0', '--overlap-hours', '0', '--json')).stdout)
    await using _device = await EdgeClient.open(service, apiKey)
    expect(
      (
        await runCli(['set-password', 'ada', '--data-dir', service.config.dataDir], {
          EMS_PASSWORD: 'another password',
        })
      ).code,
    ).toBe(0)
    expect((await ui.closed).code).toBe(1006)
    expect((await local('revoke', 'ada', '--edge', 'edge0')).stdout).toBe('1 grant(s) of ada withdrawn.\n')
  })

  it('explain an access, for people and for machines (O-08)', async () => {
    await local('create-edge', 'edge-explained')
    await local('create-user', 'eva')
    const denied = await local('explain', 'eva', 'edge-explained')
    expect(denied).toMatchObject({
      code: 1,
      stdout:
        'eva may not see edge-explained: nothing that includes it is granted on edge-explained.\n' +
        'Missing: nothing that includes it is granted on edge-explained\n' +
        'Smallest change: Grant a role on edge-explained\n',
    })
    await local('grant', 'eva', '--role', 'guest', '--edge', 'edge-explained')
    const allowed = await local('explain', 'eva', 'edge-explained', '--permission', 'history')
    expect([allowed.code, allowed.stdout.split('\n').slice(0, 3)]).toEqual([
      0,
      [
        'eva may use history on edge-explained: has openems.guest on edge-explained.',
        'OpenEMS role: guest',
        '  eva | openems.guest | edge-explained',
      ],
    ])
    const { stdout } = await local('explain', 'eva', 'no-such-edge', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ allowed: false, code: 'unknownResource' })
  })

  it('make, rotate and list service tokens', async () => {
    const json = async (...args: string[]) => JSON.parse((await local(...args, '--json')).stdout) as Json
    const made = await json('create-service-token', 'importer', '--scopes', 'read, manage', '--valid-days', '30')
    expect(made).toMatchObject({ service: 'importer', token: expect.any(String), expiresAt: expect.any(String) })
    const rotated = await local('rotate-service-token', String(made['tokenId']), '--overlap-hours', '1')
    expect(rotated.stdout).toMatch(/^Token \d+ of importer, shown this once: \S+\nThe old one is valid until \S+Z\.\n$/)
    const { stdout } = await local('list-service-tokens', '--service', 'importer')
    expect(stdout.trim().split('\n')).toEqual([
      expect.stringMatching(/^\d+ {2}importer {2}read,manage {2}created \S+ {2}expires \S+ {2}last used never$/),
      expect.stringMatching(new RegExp(`^${made['tokenId']} {2}importer {2}read,manage {2}`)),
    ])
    expect(stdout).not.toContain(String(made['token']))
    expect((await local('create-service-token', 'x', '--scopes', 'root')).code).toBe(1)
  })

  it('say what the service refused, with 1', async () => {
    await using operator = await ServiceClient.local(service)
    const { token } = await operator.request('createServiceToken', {
      name: 'weak',
      role: 'guest',
      scopes: ['manage'],
    })
    const url = `${service.urls.http.replace('http', 'ws')}/service`
    const refused = await runCli(['create-edge', 'edge9', '--url', url, '--json'], { EMS_TOKEN: String(token) })
    expect([refused.code, refused.stdout]).toEqual([1, ''])
    expect(JSON.parse(refused.stderr)).toMatchObject({ error: { code: 1005 } })
    const wrong = await runCli(['create-edge', 'edge9', '--url', url, '--token', 'wrong'])
    expect(wrong).toMatchObject({ code: 2, stderr: 'ems-metadata: The service refuses this token.\n' })
    const elsewhere = await runCli([
      'create-edge',
      'edge9',
      '--url',
      url.replace('/service', '/nowhere'),
      '--token',
      'x',
    ])
    expect(elsewhere).toMatchObject({
      code: 2,
      stderr: 'ems-metadata: The service answered HTTP 404; --url must end in /service.\n',
    })
    const nobody = await runCli(['create-edge', 'edge9', '--url', 'ws://127.0.0.1:1/service', '--token', 'x'])
    expect([nobody.code, nobody.stderr]).toEqual([1, expect.stringContaining('nobody listens there')])
    expect(await local('grant', 'nobody', '--role', 'owner', '--platform')).toMatchObject({
      code: 1,
      stderr: 'ems-metadata: There is no user nobody\n',
    })
  })

  it('print the methods, for people and as OpenRPC', async () => {
    expect((await runCli(['api-docs'])).stdout).toMatch(/^getEdges\(/m)
    const document = JSON.parse((await runCli(['api-docs', '--json'])).stdout) as {
      openrpc: string
      methods: { name: string }[]
    }
    expect(document.openrpc).toBe('1.3.2')
    expect(document.methods.map(({ name }) => name)).toContain('authenticateWithPassword')
  })
})

describe('create-user on a stopped service', { timeout: PROCESS_MS }, () => {
  it('works on its database, and tells the first administrator’s password', async () => {
    await using folder = await temporaryFolder()
    await unpackEmbedded(folder.path)
    const args = ['create-user', 'ada', '--data-dir', folder.path, '--json']
    const first = await runCli(args, { EMS_PASSWORD: 'a long password' })
    expect(first).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(first.stdout)).toEqual({ login: 'ada', administratorPassword: expect.any(String) })
    const second = await runCli(args)
    expect([second.code, JSON.parse(second.stderr)]).toEqual([1, { error: { message: 'This login is taken' } }])
    const migrated = await runCli(['migrate', '--json'], { EMS_DATA_DIR: folder.path })
    expect(JSON.parse(migrated.stdout)).toEqual({ applied: [] })
  })
})

describe('TLS', () => {
  it('is spoken on every port when there is a certificate', async () => {
    await using folder = await temporaryFolder()
    const [key, cert] = [join(folder.path, 'key.pem'), join(folder.path, 'cert.pem')]
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2', '-nodes']
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-keyout',
        key,
        '-out',
        cert,
        ...subject,
      ],
      { stdio: 'ignore' },
    )
    await using secure = await startTestService({ config: { tlsKey: key, tlsCert: cert } })
    const ca = execFileSync('cat', [cert])
    await using operator = await openOperator(secure)
    const { apiKey } = await operator.call('createEdge', { edgeId: 'edge0' })
    await using device = await EdgeClient.open(secure, String(apiKey), { ca })
    device.report({ soc: 5 })
    await device.settled()
    await using ui = await UiClient.open(secure, { ca })
    await ui.signIn('admin', 'admin')
    await ui.watch('edge0', ['soc'])
    expect(await ui.data()).toEqual({ soc: 5 })
    await expect(UiClient.open(secure)).rejects.toThrow(/self-signed/)
    await expect(
      UiClient.open({ ...secure, urls: { ...secure.urls, ui: secure.urls.ui.replace('wss', 'ws') } }),
    ).rejects.toThrow()
  })
})
