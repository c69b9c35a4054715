/**
 * The environment of a command: an allow-list, since nobody can list the names of all secrets. With
 * it every program is told that nobody sits at a terminal.
 */
import type { Environment } from '../environment.ts'
import { LoomError } from '../error.ts'
import { toolchainVariables } from '../sandbox/toolchains.ts'
import { defaultPath } from '../sandbox/trial.ts'
import { isSecretOfLoom } from '../secret-variables.ts'

const passed = /^(?:PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_[A-Z]+|TERM|TZ)$/

/**
 * git runs it with a shell, behind the name of a file. It fails at once and says how to do without:
 * an editor would wait for keys until the command's time is up.
 */
const noEditor =
  "echo 'There is no editor here. Give the text in the command (git commit -m), or set GIT_EDITOR=true to take what git proposes.' >&2; false"

const unattended = {
  LOOM: '1',
  CI: '1',
  EDITOR: 'false',
  VISUAL: 'false',
  GIT_EDITOR: noEditor,
  GIT_SEQUENCE_EDITOR: noEditor,
  // A merge without conflicts takes git's own message.
  GIT_MERGE_AUTOEDIT: 'no',
  PAGER: 'cat',
  GIT_PAGER: 'cat',
  MANPAGER: 'cat',
  GH_PAGER: 'cat',
  AWS_PAGER: 'cat',
  SYSTEMD_PAGER: 'cat',
  GIT_TERMINAL_PROMPT: '0',
  GIT_ASKPASS: 'false',
  SSH_ASKPASS: 'false',
  GH_PROMPT_DISABLED: '1',
  DEBIAN_FRONTEND: 'noninteractive',
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
  const secret = more.find(isSecretOfLoom)
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
    if (value !== undefined && isPassed(name, more)) variables[name] = value
  }
  return variables
}

const isPassed = (name: string, more: readonly string[]) =>
  passed.test(name) || toolchainVariables.has(name) || more.includes(name)
