/**
 * The environment of a command: an allow-list, since nobody can list the names of all secrets. With
 * it every program is told that nobody sits at a terminal.
 */
import type { Environment } from '../config.ts'
import { LoomError } from '../error.ts'
import { defaultPath } from '../sandbox/trial.ts'

const passed = /^(?:PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_[A-Z]+|TERM|TZ)$/

/** Of models, of Loom, and of its store: no command is given these, whoever asks for it. */
const never = /_API_KEYS?$|^LOOM_|^REDIS_URL$/

const unattended = {
  LOOM: '1',
  CI: '1',
  PAGER: 'cat',
  GIT_PAGER: 'cat',
  GIT_TERMINAL_PROMPT: '0',
  // Each command has an empty one, where it is confined.
  TMPDIR: '/tmp',
}

/**
 * @param more names of further variables that are passed on
 * @throws LoomError `invalid-config` where one of them is a key of Loom's own.
 */
export function commandVariables(
  environment: Environment,
  more: readonly string[] = [],
): Record<string, string> {
  const secret = more.find((name) => never.test(name))
  if (secret !== undefined) {
    throw new LoomError('invalid-config', `${secret} is not passed on to commands: it is Loom's.`)
  }
  return { ...unattended, ...harmlessVariables(environment, more) }
}

/** What any program may know, and what else is named. */
export function harmlessVariables(
  environment: Environment,
  more: readonly string[] = [],
): Record<string, string> {
  const variables: Record<string, string> = { PATH: defaultPath }
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && (passed.test(name) || more.includes(name))) variables[name] = value
  }
  return variables
}
