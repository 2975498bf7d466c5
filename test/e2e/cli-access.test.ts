import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createOrganisation } from '../../src/organisations/organisation-service.ts'
import { runCli } from '../harness/child.ts'
import { userPassword } from '../harness/clients.ts'
import { addUser } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

const PROCESS_MS = 60_000

let service: TestService
let main: string
beforeAll(async () => {
  service = await startTestService()
  for (const login of ['olga', 'fred', 'gina', 'hans']) await said('create-user', login)
  main = await id('create-organisation', 'Sunny', '--owner', 'olga')
}, PROCESS_MS)
afterAll(() => service?.[Symbol.asyncDispose]())

/** What a command of somebody at the machine of the service says, well or badly. */
async function said(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli([...args, '--data-dir', service.config.dataDir])
  return (code === 0 ? stdout : stderr).trimEnd()
}

async function id(...args: string[]): Promise<string> {
  return String((JSON.parse(await said(...args, '--json')) as { id: number }).id)
}

describe('an installer with his staff on the command line', { timeout: PROCESS_MS * 2 }, () => {
  it('adds many at once, groups to groups, and for a time; then sees who may see an edge (G-06, O-08)', async () => {
    const group = (name: string) => id('create-group', name, '--of', 'users', '--organisation', main)
    const [staff, fitters] = [await group('Staff'), await group('Fitters')]
    expect(await said('add-member', 'fred', 'gina', '--group', fitters, '--to', '2030-01-01T00:00:00Z')).toBe(
      'fred is a member.\ngina is a member.',
    )
    expect(await said('add-member', '--member-group', fitters, '--group', staff)).toBe(
      `The group ${fitters} is a member.`,
    )
    expect(await said('list', 'members', '--group', staff)).toMatch(`userGroupId: ${fitters}  Fitters`)
    expect(await said('list', 'members', '--group', fitters)).toMatch(
      /^fred .*edges: 0, online: 0 {2}validTo: 2030-01-01T00:00:00.000Z$/m,
    )
    const site = await id('create-site', 'Mill', '--organisation', main)
    for (const edge of ['mill0', 'mill1']) await said('create-edge', edge, '--comment', 'Roof')
    expect(await said('move', 'mill0', 'mill1', '--site', site)).toBe(
      'The edge mill0 is moved.\nThe edge mill1 is moved.',
    )
    expect(await said('list', 'content', '--site', site)).toBe('edgeId: mill0  Roof\nedgeId: mill1  Roof')
    expect(await said('list', 'content', '--site', site, '--limit', '1')).toBe(
      'edgeId: mill0  Roof\n1 to 1 of 2; --page 2 shows the next',
    )
    expect(await said('list', 'content', '--site', site, '--limit', '1', '--page', '2')).toBe('edgeId: mill1  Roof')
    expect(await said('list', 'edges', '--query', 'mill', '--limit', '1')).toMatch(/\nThere may be more: --page 2$/)
    expect(await said('summary', '--site', site, '--channels', '_sum/EssSoc')).toBe(
      'edges  2\nstates  0 online  2 ok  0 info  0 warning  0 fault\n_sum/EssSoc  0 of 0 edges',
    )
    await said('grant', '--group', staff, '--role', 'installer', '--site', site)
    expect(await said('who', 'mill0', '--query', 'fred')).toBe(
      `fred  installer  openems.installer on site ${site} Mill through group ${staff} Staff`,
    )
    expect(await said('who', 'mill0', '--limit', '1')).toMatch(/^admin {2}admin {2}.*\n1 to 1 of \d; --page 2 shows/)
    expect(await said('remove-member', '--member-group', fitters, '--group', staff)).toMatch(/no member any more/)
    expect(await said('who', 'mill0', '--query', 'fred')).toBe('Nobody.')
  })

  it('tries a change first: who would gain or lose what, and nothing is done', async () => {
    const group = await id('create-group', 'Support', '--of', 'users', '--organisation', main)
    const pilot = await id('create-group', 'Pilot', '--of', 'edges', '--organisation', main)
    await said('create-edge', 'tried0')
    await said('grant', '--group', group, '--role', 'guest', '--edge-group', pilot)
    expect(await said('add-member', 'hans', '--group', group, '--what-if')).toMatch(
      /^Nothing was changed; .*\n {2}hans gains on 1\nNamely:\n {2}hans gains .*discover.* on edgeGroup Pilot$/,
    )
    expect(await said('list', 'members', '--group', group)).toBe('There are none.')
    await said('add-member', 'hans', '--group', group)
    expect(await said('add-to-group', pilot, '--edge', 'tried0', '--what-if')).toMatch(
      /^ {2}hans gains discover .* on tried0 \(no role -> guest\)$/m,
    )
    await said('add-to-group', pilot, '--edge', 'tried0')
    expect(await said('delete', 'user-group', group, '--what-if')).toMatch(/^ {2}hans loses on 2$/m)
    expect(await said('who', 'tried0', '--query', 'hans')).toMatch(/^hans {2}guest/)
    expect(await said('delete', 'user', 'hans', '--what-if')).toMatch(/only these can be tried beforehand: user-group/)
    await said('disable', 'user', 'hans', 'gina')
    const { stdout } = await runCli(['explain', 'hans', 'tried0', '--data-dir', service.config.dataDir])
    expect(stdout).toMatch(
      /^hans may not see tried0: the account hans is disabled\.\n[\s\S]*Cut off: .*\(the account is disabled\)\n/,
    )
  })

  it('is told what is missing in a command', async () => {
    expect(await said('create-organisation', 'Nobody’s')).toMatch(/required option '--owner <login>'/)
    expect(await said('add-member', '--group', '1')).toMatch(/Say who: logins; or .* --member-group/)
    expect(await said('add-member', '--organisation', main, '--member-group', '1', '--role', 'viewer')).toMatch(
      /Say who/,
    )
    expect(await said('list', 'content')).toMatch(/either --site or --edge-group/)
    expect(await said('list', 'sites', '--page', '0')).toMatch(/counted from 1/)
  })
})

describe('a person on the command line', { timeout: PROCESS_MS * 2 }, () => {
  const asPerson = async (login: string, ...args: string[]) => {
    const env = { EMS_LOGIN_PASSWORD: userPassword }
    const { code, stdout, stderr } = await runCli([...args, '--url', service.urls.ui, '--as', login], env)
    return (code === 0 ? stdout : stderr).trimEnd()
  }

  it('does with his own rights what he may, takes over what he is offered, and is logged out at the end (P-22)', async () => {
    const [owner, customer] = [await addUser(service.ctx), await addUser(service.ctx)]
    const { id: organisationId } = await createOrganisation(service.ctx, { actorId: null }, 'Own', owner.id)
    const made = await asPerson(owner.login, 'create-site', 'Hill', '--organisation', String(organisationId))
    const site = /has the id (\d+)\.$/.exec(made)?.[1] ?? expect.unreachable(made)
    expect(await asPerson(customer.login, 'list', 'sites')).toBe('There are none.')
    expect(await asPerson(owner.login, 'hand-over', '--site', site, '--invite', customer.login)).toMatch(/^Offered/)
    expect(await asPerson(owner.login, 'list', 'invitations')).toBe('There are none.')
    expect(await asPerson(owner.login, 'list', 'invitations', '--sent')).toMatch(`addressee: ${customer.login}`)
    const invitation = /^invitationId: (\d+) /.exec(await asPerson(customer.login, 'list', 'invitations'))?.[1] ?? ''
    expect(await asPerson(owner.login, 'accept', '--invitation', invitation)).toMatch(/\[invitation\] is denied/)
    expect(await asPerson(customer.login, 'reject', '--invitation', invitation)).toBe('The invitation is rejected.')
    expect(await asPerson(customer.login, 'accept', '--invitation', invitation)).toBe('The invitation is accepted.')
    expect(await asPerson(customer.login, 'list', 'sites')).toMatch(`${site}  Hill`)
    const open = service.ctx.db.selectFrom('session').select('id').where('userId', 'in', [owner.id, customer.id])
    expect(await open.where('endedAt', 'is', null).execute()).toEqual([])
  })

  it('is told what is wrong', async () => {
    const { login } = await addUser(service.ctx)
    expect(await said('accept', '--invitation', '1')).toMatch(/Say who accepts: --as LOGIN/)
    expect(await said('list', 'sites', '--as', login)).toMatch(/password of .* in EMS_LOGIN_PASSWORD/)
    const env = { EMS_LOGIN_PASSWORD: 'a wrong password' }
    const wrong = await runCli(['list', 'sites', '--url', service.urls.ui, '--as', login], env)
    expect([wrong.code, wrong.stderr]).toEqual([1, 'ems-metadata: Authentication failed\n'])
    const nowhere = await runCli(['list', 'sites', '--as', login], env)
    expect([nowhere.code, nowhere.stderr]).toEqual([2, expect.stringContaining('--as needs --url')])
  })
})

describe('an operator who limits what people have, on the command line', { timeout: PROCESS_MS * 2 }, () => {
  it('sets claims, periods, gates, policies and roles, and lists them; says what is missing', async () => {
    await said('create-user', 'ivy')
    const site = await id('create-site', 'Barn', '--organisation', main)
    for (const edge of ['barn0', 'barn1']) await said('create-edge', edge, '--comment', edge === 'barn0' ? 'B' : 'A')
    await said('move', 'barn0', 'barn1', '--site', site)
    await said('grant', 'ivy', '--role', 'installer', '--site', site)
    const role = async () => /^ivy {2}(\w+)/.exec(await said('who', 'barn0', '--query', 'ivy'))?.[1]
    expect(await said('set-claim', 'ivy', 'control', 'NONE')).toBe('The claim control of ivy is NONE.')
    expect(await role()).toBe('guest')
    expect(await said('list', 'claims', '--user', 'ivy')).toBe('key: control  value: NONE')
    expect(await said('list', 'claims')).toMatch(/--user LOGIN/)
    await said('set-claim', 'ivy', 'control', 'WRITE')
    expect(await role()).toBe('installer')
    const [from, to] = ['2020-01-01T00:00:00.000Z', '2021-01-01T00:00:00.000Z']
    expect(await said('restrict', 'ivy', 'barn0', '--from', from, '--to', to)).toBe(
      `ivy may read of barn0: ${from} to ${to}.`,
    )
    expect(await said('restrict', 'ivy', 'barn0')).toMatch(/--from, --to or both/)
    expect(await said('restrict', 'ivy', 'barn0', '--set')).toBe('ivy may read of barn0: nothing.')
    expect(await said('list', 'restrictions', '--edge', 'barn0')).toBe('ivy  barn0  nothing')
    expect(await said('restrict', 'ivy', 'barn0', '--lift')).toBe('ivy may read of barn0: everything.')
    expect(await said('list', 'restrictions', '--user', 'ivy')).toBe('There are none.')
    const order = async (...by: string[]) =>
      [...(await said('list', 'edges', '--query', 'barn', ...by)).matchAll(/barn\d/g)].map(String)
    expect(await order('--sort', 'name')).toEqual(['barn1', 'barn0'])
    expect(await order('--sort', 'id', '--descending')).toEqual(['barn1', 'barn0'])
    expect(await order()).toEqual(['barn0', 'barn1'])
  })

  it('opens gates and policies, and gives members and roles other rights (P-06, K7)', async () => {
    const below = await id('create-organisation', 'Branch', '--owner', 'olga', '--parent', main)
    const listed = async (name: string) =>
      (await said('list', 'organisations', '--query', name)).split('\n').find((line) => line.includes(name))
    expect(await listed('Branch')).not.toMatch(/canEditSites/)
    expect(await said('set-gates', below, '--edit-sites', 'on', '--what-if')).toMatch(/^Nothing/)
    expect(await said('set-gates', below, '--edit-sites', 'on')).toBe(`The gates of organisation ${below} are set.`)
    expect(await listed('Branch')).toMatch(/canEditSites/)
    expect(await said('set-gates', below)).toMatch(/Say what changes/)
    expect(await said('set-gates', below, '--edit-sites', 'yes')).toMatch(/on or off/)
    await said('set-policies', main, '--public', 'on', '--strict-roles', 'off', '--max-role', 'owner')
    expect(await listed('Sunny')).toMatch(/maxOpenemsRole: owner {2}publicAccess(?! {2}strictRoles)/)
    await said('set-policies', main, '--public', 'off', '--strict-roles', 'on', '--max-role', 'admin')
    await said('grant', 'hans', '--role', 'org.viewer', '--organisation', main)
    expect(await said('set-member-role', 'hans', '--organisation', main, '--role', 'manager')).toBe(
      'hans is manager now.',
    )
    expect(await said('set-member-role', 'olga', '--organisation', main, '--role', 'viewer')).toMatch(/at least one/)
    const role = await id('create-role', 'acme.fitter', '--organisation', main, '--self', 'discover')
    expect(await said('rename', 'role', role, '--content', 'discover,detail')).toBe(`The role ${role} is changed.`)
    expect(await said('list', 'roles', '--organisation', main, '--query', 'acme.fitter')).toMatch(
      /content: discover,detail/,
    )
  })
})
