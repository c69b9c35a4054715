/**
 * The git settings of the user that a confined command may read: the author, and the behaviour of git. The
 * command does not see the file itself, since it may hold tokens and programs (`credential.*`,
 * `url.*.insteadOf`, `http.extraHeader`).
 */
import { execFile } from 'node:child_process'

import type { Environment } from '../../ground/environment.ts'
import { defaultPath } from './toolchains.ts'

const settingPattern =
  '^(user\\.(name|email)|init\\.defaultbranch|core\\.(autocrlf|eol|quotepath|filemode)|pull\\.rebase|merge\\.conflictstyle|rebase\\.autostash|safe\\.directory)$'

const timeoutMs = 5000

/** Returns the text of a git configuration file; '' if the user has no settings or git is missing. */
export async function gitSettings(environment: Environment): Promise<string> {
  const { PATH: path = defaultPath, HOME: home, XDG_CONFIG_HOME: settings } = environment
  if (home === undefined) return ''
  const env = { PATH: path, HOME: home, ...(settings && { XDG_CONFIG_HOME: settings }) }
  const list = await new Promise<string>((resolve) => {
    const args = ['config', '--global', '--includes', '-z', '--get-regexp', settingPattern]
    const options = { env, cwd: '/', timeout: timeoutMs }
    execFile('git', args, options, (_error, stdout) => resolve(stdout))
  })
  return list.split('\0').filter(Boolean).map(settingOf).join('')
}

/** Converts an entry of git's list (`user.name`, a line end, the value) to a section with one line. */
function settingOf(entry: string): string {
  const at = entry.indexOf('\n')
  const [section, name] = (at < 0 ? entry : entry.slice(0, at)).split('.')
  const value = at < 0 ? 'true' : entry.slice(at + 1)
  const quoted = value.replace(/[\\"]/g, String.raw`\$&`).replaceAll('\n', String.raw`\n`)
  return `[${section}]\n\t${name} = "${quoted}"\n`
}
