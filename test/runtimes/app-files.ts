/** The files of `docs/deployment.md`, in a folder of the project with the installed packages. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { onTestFinished } from 'vitest'

import { pageAt } from '../docs/pages.ts'
import { project } from './installed.ts'

/** Each file by its name, which its first line has in a comment. */
export const documented: ReadonlyMap<string, string> = new Map(
  pageAt('docs/deployment.md').blocks.flatMap(({ code }) => {
    const [line, name] = /^\/\/ (\S+)\n/.exec(code) ?? []
    return line === undefined || name === undefined ? [] : [[name, code.slice(line.length)]]
  }),
)

/**
 * Writes files of the page. The model is that of the test. The end of the test removes them.
 * @param changed returns the text that is written for a file. @defaultValue the code of the page
 */
export function writeApp(
  names: readonly string[],
  changed: (code: string, name: string) => string = (code) => code,
): string {
  const folder = mkdtempSync(join(project, 'app-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }))
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n')
  for (const name of ['agent.js', 'app.js', ...names]) {
    const code = documented.get(name)
    if (code === undefined) throw new Error(`docs/deployment.md has no ${name}.`)
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, changed(code.replace(`'demo/assistant'`, `'local/test'`), name))
  }
  return folder
}
