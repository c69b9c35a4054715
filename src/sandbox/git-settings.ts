/**
 * The settings of the user's git that a confined command may know: who commits, and how git behaves.
 * The file itself is not shown, since tokens and programs stand there too (`credential.*`,
 * `url.*.insteadOf`, `http.extraHeader`).
 */
import { execFile } from 'node:child_process'

import type { Environment } from '../environment.ts'
import { defaultPath } from './trial.ts'

const known =
  '^(user\\.(name|email)|init\\.defaultbranch|core\\.(autocrlf|eol|quotepath|filemode)|pull\\.rebase|merge\\.conflictstyle|rebase\\.autostash|safe\\.directory)$'

const waitMs = 5000

/** A configuration file of git, or nothing where the user has none or there is no git. */
export async function gitSettings(environment: Environment): Promise<string> {
  const { PATH: path = defaultPath, HOME: home, XDG_CONFIG_HOME: settings } = environment
  if (home === undefined) return ''
  const env = { PATH: path, HOME: home, ...(settings && { XDG_CONFIG_HOME: settings }) }
  const said = await new Promise<string>((resolve) => {
    const words = ['config', '--global', '--includes', '-z', '--get-regexp', known]
    execFile('git', words, { env, cwd: '/', timeout: waitMs }, (_error, stdout) => resolve(stdout))
  })
  return said.split('\0').filter(Boolean).map(settingOf).join('')
}

/** `user.name`, a line end and the value become a section with one line. */
function settingOf(entry: string): string {
  const at = entry.indexOf('\n')
  const [section, name] = (at < 0 ? entry : entry.slice(0, at)).split('.')
  const value = at < 0 ? 'true' : entry.slice(at + 1)
  const quoted = value.replace(/[\\"]/g, String.raw`\$&`).replaceAll('\n', String.raw`\n`)
  return `[${section}]\n\t${name} = "${quoted}"\n`
}
