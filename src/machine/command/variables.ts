/**
 * The environment of a command. It is an allow-list, since the names of all secrets are unknown. Fixed
 * variables tell programs that there is no terminal.
 */
import type { Environment } from '../../ground/environment.ts'
import { LoomError } from '../../ground/error.ts'
import { isSecretOfLoom } from '../../ground/secret-variables.ts'
import { defaultPath, toolchainVariables } from '../sandbox/toolchains.ts'

const allowedPattern = /^(?:PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_[A-Z]+|TERM|TZ)$/

/**
 * The editor of git, a shell command. It fails at once with a hint: a real editor would wait for keys until
 * the command's time limit.
 */
const noEditor =
  "echo 'There is no editor here. Give the text in the command (git commit -m), or set GIT_EDITOR=true to take what git proposes.' >&2; false"

const fixedVariables = {
  LOOM: '1',
  CI: '1',
  EDITOR: 'false',
  VISUAL: 'false',
  GIT_EDITOR: noEditor,
  GIT_SEQUENCE_EDITOR: noEditor,
  // A merge without conflicts uses git's own message.
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
  // In bubblewrap, each command has an empty /tmp of its own.
  TMPDIR: '/tmp',
}

/**
 * Returns the environment of a command.
 * @param more the names of additional variables that the command receives
 * @throws LoomError `invalid-config` if one of them is a secret of Loom.
 */
export function commandVariables(
  environment: Environment,
  more: readonly string[] = [],
): Record<string, string> {
  const secret = more.find(isSecretOfLoom)
  if (secret !== undefined) {
    throw new LoomError(
      'invalid-config',
      `${secret} is not passed on to commands: it is Loom's. Remove it from the list of variables.`,
    )
  }
  return { ...fixedVariables, ...harmlessVariables(environment, more) }
}

/** Returns the variables that any program may receive, and those named in `more`. */
export function harmlessVariables(
  environment: Environment,
  more: readonly string[] = [],
): Record<string, string> {
  const variables: Record<string, string> = { PATH: defaultPath }
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && isAllowed(name, more)) variables[name] = value
  }
  return variables
}

const isAllowed = (name: string, more: readonly string[]) =>
  allowedPattern.test(name) || toolchainVariables.has(name) || more.includes(name)
