import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { EdgeApp } from '../harness/edge-app.ts'
import { openOperator } from '../harness/operator.ts'
import { startTestService, temporaryFolder } from '../harness/service.ts'

const secret = 'the secret of the edge apps, long enough'

/** A key and a certificate under the authority `issuer`, or of an authority of its own. */
function certificate(folder: string, name: string, issuer?: string): { key: string; cert: string } {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)]
  const by = issuer ? ['-CA', join(folder, `${issuer}.pem`), '-CAkey', join(folder, `${issuer}.key`)] : []
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2', '-nodes']
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
  const usage = issuer ? ['-addext', 'basicConstraints=critical,CA:FALSE'] : []
  execFileSync('openssl', ['req', '-x509', ...curve, '-keyout', key, '-out', cert, ...subject, ...usage, ...by], {
    stdio: 'ignore',
  })
  return { key, cert }
}

it('a certificate lets an app in, and nothing else does where certificates are asked for', async () => {
  await using folder = await temporaryFolder()
  const own = certificate(folder.path, 'service')
  const authority = certificate(folder.path, 'authority')
  const [app, stranger] = [certificate(folder.path, 'app', 'authority'), certificate(folder.path, 'stranger')]
  const tls = { tlsKey: own.key, tlsCert: own.cert, edgeManagerClientCa: authority.cert }
  const edgeKeySeals = ['a seal that is long enough for the test']
  await using service = await startTestService({ config: { ...tls, edgeKeySeals } })
  await using operator = await openOperator(service)
  await operator.call('createEdge', { edgeId: 'edge0' })
  const ca = await readFile(own.cert)
  const withCertificate = async ({ key, cert }: { key: string; cert: string }) => ({
    ca,
    key: await readFile(key),
    cert: await readFile(cert),
  })
  await using letIn = await EdgeApp.serving(service, await withCertificate(app))
  expect([...letIn.keys.values()]).toEqual(['edge0'])
  for (const wrong of [{ ca }, await withCertificate(stranger)]) {
    // A refused certificate ends the connection after the handshake of TLS 1.3, before anything else.
    await expect(EdgeApp.open(service, wrong)).rejects.toThrow(/alert|hang up|closed|reset/i)
  }
  const url = `${service.urls.http.replace('http', 'ws')}/edge-manager`
  await expect(EdgeApp.open(service, { ...(await withCertificate(app)), url })).rejects.toThrow('refused with 404')

  await using both = await startTestService({ config: { ...tls, edgeKeySeals, edgeManagerSecrets: [secret] } })
  await expect(EdgeApp.open(both, await withCertificate(app))).rejects.toThrow('refused with 401')
  await using proved = await EdgeApp.open(both, { ...(await withCertificate(app)), id: `edges0:${secret}` })
  expect(proved.closing).toBeUndefined()
})
