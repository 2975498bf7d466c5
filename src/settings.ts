import { z } from 'zod'

/** One setting: environment name, how its text is read, default text, what it does. */
export interface Setting {
  env: string
  schema: z.ZodType
  default: string | undefined
  description: string
  secret?: true
}

const port = z.coerce.number().int().min(0).max(65535)
const count = z.coerce.number().int().min(0)
const flag = z.enum(['true', 'false', '1', '0']).transform((text) => text === 'true' || text === '1')
const text = z.string().min(1)
const list = z.string().transform((value) =>
  value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
)
/** Secrets that can be changed in peace: the newest first. */
const secrets = list.pipe(z.array(z.string().min(32)))
const role = z.enum(['admin', 'installer', 'owner', 'guest'])

/** Every setting of the service, once. `--help` and the table in the README are made from it. */
export const settings = {
  databaseUrl: s(
    'DATABASE_URL',
    text,
    undefined,
    'PostgreSQL (>= 15) to use. Unset: an embedded database in the data folder.',
    true,
  ),
  databasePoolSize: s('EMS_DATABASE_POOL_SIZE', count.min(2), '10', 'Connections to PostgreSQL at most.'),
  dataDir: s(
    'EMS_DATA_DIR',
    text,
    './data',
    'Folder of the embedded database, the generated secret and the control socket.',
  ),
  migrateOnStart: s(
    'EMS_MIGRATE_ON_START',
    flag,
    undefined,
    'Apply pending migrations at start. Default: true on the embedded database, false on PostgreSQL.',
  ),
  secret: s(
    'EMS_SECRET',
    z.string().min(32),
    undefined,
    'At least 32 characters; wraps signing keys and keys the hashes of API keys. Must stay the same for ever and on every node. Unset: generated into the data folder, embedded database only.',
    true,
  ),
  adminPassword: s(
    'ADMIN_PASSWORD',
    text,
    undefined,
    'Password of the first administrator (login `admin`). Unset: a random one, printed once.',
    true,
  ),
  host: s('EMS_HOST', text, '0.0.0.0', 'Address to listen on.'),
  edgePort: s('EMS_EDGE_PORT', port, '8081', 'WebSocket port for edges; 0 turns it off.'),
  uiPort: s('EMS_UI_PORT', port, '8082', 'WebSocket port for the OpenEMS UI; 0 turns it off.'),
  httpPort: s(
    'EMS_HTTP_PORT',
    port,
    '8080',
    'HTTP port: health, metrics, JWKS, and every socket by path (/edge, /ui, /service, /backend, /edge-manager); 0 turns it off.',
  ),
  backendPort: s(
    'EMS_BACKEND_PORT',
    port,
    '8076',
    'WebSocket port for other backends (OpenEMS Backend-to-Backend); 0 turns it off.',
  ),
  restPort: s(
    'EMS_REST_PORT',
    port,
    '8075',
    'HTTP port for other backends (OpenEMS Backend-to-Backend, POST /jsonrpc); 0 turns it off.',
  ),
  edgeManagerPort: s(
    'EMS_EDGE_MANAGER_PORT',
    port,
    '0',
    'WebSocket port for OpenEMS Backend.Edge.App (there 8083), which is told every API key; 0 turns it off.',
  ),
  edgeManagerHost: s(
    'EMS_EDGE_MANAGER_HOST',
    text,
    undefined,
    'Address to listen on for Backend.Edge.App. Unset: EMS_HOST.',
  ),
  edgeManagerSecrets: s(
    'EMS_EDGE_MANAGER_SECRET',
    secrets,
    '',
    'What a Backend.Edge.App proves itself with, at least 32 characters; several, comma-separated, while it is changed.',
    true,
  ),
  edgeManagerClientCa: s(
    'EMS_EDGE_MANAGER_CLIENT_CA',
    text,
    undefined,
    'PEM file of the authority that signed the certificates of Backend.Edge.App processes; needs TLS_CERT.',
  ),
  edgeKeySeals: s(
    'EMS_EDGE_KEY_SEALS',
    secrets,
    '',
    'Opts in to copies of API keys that can be read again, sealed with this secret (at least 32 characters), which Backend.Edge.App needs. Comma-separated, newest first, while it is changed.',
    true,
  ),
  tlsCert: s('TLS_CERT', text, undefined, 'PEM file of the certificate chain. With TLS_KEY every port speaks TLS.'),
  tlsKey: s('TLS_KEY', text, undefined, 'PEM file of the private key.'),
  trustedProxies: s(
    'EMS_TRUSTED_PROXIES',
    list,
    '',
    'Comma-separated addresses or CIDR ranges of reverse proxies whose X-Forwarded-For is believed.',
  ),
  allowedOrigins: s(
    'EMS_ALLOWED_ORIGINS',
    list,
    '',
    'Comma-separated origins a browser may connect from. Empty: any (the UI sends no cookies that count).',
  ),
  compression: s(
    'EMS_COMPRESSION',
    flag,
    'false',
    'Offer permessage-deflate without context take-over to edges. Costs 70-115 KB per connection.',
  ),
  bcryptCost: s(
    'EMS_BCRYPT_COST',
    z.coerce.number().int().min(4).max(16),
    '12',
    'Cost of password hashes; older hashes are renewed at the next log-in.',
  ),
  passwordQueue: s(
    'EMS_PASSWORD_QUEUE',
    count.min(1),
    '64',
    'Password checks that may wait; more are refused with 1006.',
  ),
  sessionDays: s(
    'EMS_SESSION_DAYS',
    count.min(1),
    '365',
    'Days until a session ends by itself (the UI keeps its cookie 365 days).',
  ),
  impersonationMinutes: s(
    'EMS_IMPERSONATION_MINUTES',
    count.min(1),
    '30',
    'Minutes until acting as another user ends by itself; the session it was started from goes on.',
  ),
  defaultEdgeGroup: s(
    'EMS_DEFAULT_EDGE_GROUP',
    flag,
    'true',
    'Each new account gets an edge group "The edges of ..."; edges it claims by setup password start in it.',
  ),
  registration: s(
    'EMS_REGISTRATION',
    z.enum(['closed', 'invitation', 'open']),
    'closed',
    'Who may create an account in the UI.',
  ),
  registrationRole: s(
    'EMS_REGISTRATION_ROLE',
    z.enum(['installer', 'owner', 'guest']),
    'owner',
    'Global role of a self-registered account; the client has no say.',
  ),
  setupPasswordRole: s('EMS_SETUP_PASSWORD_ROLE', role, 'installer', 'Role that `addEdgeToUser` gives for an edge.'),
  uiSubscribeAnswerMs: s(
    'EMS_UI_SUBSCRIBE_ANSWER_MS',
    count,
    '1000',
    'Delay of the answer (not the effect) of subscribeEdges; the stock UI freezes without it.',
  ),
  uiTokenAnswerMs: s(
    'EMS_UI_TOKEN_ANSWER_MS',
    count,
    '800',
    'Delay of the answer of authenticateWithToken; the stock UI loses deep links without it.',
  ),
  uiRequestsPerSecond: s(
    'EMS_UI_REQUESTS_PER_SECOND',
    count,
    '20',
    'Requests per second and UI socket (edgeRpc and log-in exempt, burst of 2 s); 0: no limit.',
  ),
  edgeRequestTimeoutMs: s(
    'EMS_EDGE_REQUEST_TIMEOUT_MS',
    count.min(100),
    '30000',
    'How long an edge may take to answer.',
  ),
  pingIntervalMs: s(
    'EMS_PING_INTERVAL_MS',
    count.min(100),
    '30000',
    'Ping interval; a peer silent for two of them is dropped.',
  ),
  maxFrameBytes: s(
    'EMS_MAX_FRAME_BYTES',
    count.min(1024),
    '4194304',
    'Largest frame accepted from an edge or a service; UI sockets get a quarter.',
  ),
  edgeFramesPerSecond: s(
    'EMS_EDGE_FRAMES_PER_SECOND',
    count.min(10),
    '200',
    'Frames per second (burst of 5 s) above which an edge is cut off.',
  ),
  maxConnectionsPerAddress: s(
    'EMS_MAX_CONNECTIONS_PER_ADDRESS',
    count.min(1),
    '2000',
    'Open sockets per client address and port at most.',
  ),
  signInDeadlineMs: s(
    'EMS_SIGN_IN_DEADLINE_MS',
    count.min(100),
    '600000',
    'How long a UI socket may stay without log-in (the login page is such a socket).',
  ),
  maxWaitingSockets: s(
    'EMS_MAX_WAITING_SOCKETS',
    count.min(1),
    '5000',
    'UI sockets without log-in at most, over all addresses.',
  ),
  stateFlushMs: s('EMS_STATE_FLUSH_MS', count.min(10), '1000', 'How often edge state is written to the database.'),
  staleAfterMs: s(
    'EMS_STALE_AFTER_MS',
    count.min(1000),
    '30000',
    'Without the database for longer than this, decisions are refused (1006) instead of answered from the past.',
  ),
  importMaxFileBytes: s('EMS_IMPORT_MAX_FILE_BYTES', count.min(1024), '268435456', 'Largest file that is imported.'),
  importMaxUnpackedBytes: s(
    'EMS_IMPORT_MAX_UNPACKED_BYTES',
    count.min(1024),
    '1073741824',
    'What an archive (Excel) may unpack to; its shared texts may take a third of that in memory.',
  ),
  importMaxUnpackedRatio: s(
    'EMS_IMPORT_MAX_UNPACKED_RATIO',
    count.min(2),
    '200',
    'How many times its size an archive may unpack to.',
  ),
  importMaxRows: s('EMS_IMPORT_MAX_ROWS', count.min(1), '2000000', 'Records of one imported file at most.'),
  importMaxColumns: s('EMS_IMPORT_MAX_COLUMNS', count.min(1), '200', 'Columns of one imported table at most.'),
  importMaxCellBytes: s(
    'EMS_IMPORT_MAX_CELL_BYTES',
    count.min(100),
    '262144',
    'Largest single value of an imported file; a record has eight times that at most.',
  ),
  importMaxProblems: s(
    'EMS_IMPORT_MAX_PROBLEMS',
    count.min(1),
    '1000',
    'Problems of an imported file after which it is not read on.',
  ),
  importMaxAccessLines: s(
    'EMS_IMPORT_MAX_ACCESS_LINES',
    count,
    '100000',
    'Lines of who gains or loses what that the report of an import keeps; its counts are always whole.',
  ),
  metricsToken: s(
    'EMS_METRICS_TOKEN',
    z.string().min(16),
    undefined,
    'Bearer token for /metrics. Unset: open to whoever reaches the HTTP port.',
    true,
  ),
  logLevel: s(
    'EMS_LOG_LEVEL',
    z.enum(['debug', 'info', 'warn', 'error', 'silent']),
    'info',
    'Least severe log lines written.',
  ),
} satisfies Record<string, Setting>

function s<S extends z.ZodType, D extends string | undefined>(
  env: string,
  schema: S,
  fallback: D,
  description: string,
  secret?: true,
) {
  return { env, schema, default: fallback, description, ...(secret ? { secret } : {}) }
}
