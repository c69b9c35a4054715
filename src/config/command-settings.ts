/** The settings of a command that opens no port: those of callers and of browsers are for a server only. */
import type { Environment } from '../ground/environment.ts'

const serverSettings =
  /^(?:HOST|LOOM_(?:CORS_ORIGINS|PUBLIC_URL|ALLOWED_HOSTS|API_KEYS|OPERATOR_KEYS|TOKEN_SECRET|AUTH|JWKS_URL|JWT_.*|PROXY_.*))$/

/** Returns the environment without these settings, because a bad one must not prevent such a command. */
export const commandSettings = (environment: Environment): Environment =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => !serverSettings.test(name)))
