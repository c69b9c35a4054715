/** The description of the process model names the files, constants and retry classes of the code. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
const folder = join(root, 'src/session')
const read = (path: string) => readFileSync(path, 'utf8')
const readme = read(join(folder, 'README.md'))

/** A name with a folder starts at the root of the project, a bare name in `src/session`. */
const pathOf = (name: string) => join(name.includes('/') ? root : folder, name)

const names = new Set([...readme.matchAll(/`([\w./-]+\.ts)`/g)].map(([, name = '']) => name))
const files = readdirSync(folder).filter((name) => name.endsWith('.ts'))

const units: Record<string, number> = {
  ms: 1,
  s: 1000,
  min: 60_000,
  MiB: 1024 * 1024,
}

interface Row {
  constant: string
  file: string
  value: number
}

/** The rows `| constant | value with a unit | file | meaning |`. */
const rows: Row[] = [...readme.matchAll(/^\| `(\w+)` \| (\d+) (\w+) \| `([\w./-]+\.ts)` \|/gm)].map(
  ([, constant = '', count, unit = '', file = '']) => ({
    constant,
    file,
    value: Number(count) * (units[unit] ?? 1),
  }),
)

/** The value of `1024 * 1024` or `10_000`. */
const product = (expression: string): number =>
  expression
    .split('*')
    .reduce((result, factor) => result * Number(factor.trim().replaceAll('_', '')), 1)

/** The numeric constants at the top of a file, by name. */
const constantsIn = (text: string): Map<string, number> =>
  new Map(
    [...text.matchAll(/^(?:export )?const (\w+) = ([\d_ *]+)$/gm)].map(
      ([, name = '', expression = '']) => [name, product(expression)],
    ),
  )

/** The default of an option: the last number of its line. */
function defaultIn(text: string, option: string): number | undefined {
  const [, line] =
    new RegExp(`^ +${option}: options\\.${option} \\?\\? (.+),$`, 'm').exec(text) ?? []
  const [number] = line?.match(/[\d_]+(?=\)?$)/) ?? []
  return number === undefined ? undefined : product(number)
}

it('names every file of the folder', () => {
  expect(files.filter((name) => !names.has(name))).toEqual([])
})

it('names only files that exist', () => {
  expect([...names].filter((name) => !existsSync(pathOf(name)))).toEqual([])
  expect(names.size).toBeGreaterThan(files.length)
})

it('states the values of the code', () => {
  const values = rows.map(({ constant, file }) => {
    const text = read(pathOf(file))
    return { constant, file, value: constantsIn(text).get(constant) ?? defaultIn(text, constant) }
  })
  expect(rows.length).toBeGreaterThan(20)
  expect(values).toEqual(rows)
})

it('lists every numeric constant of the folder', () => {
  const constants = files.flatMap((file) =>
    [...constantsIn(read(join(folder, file))).keys()].map((constant) => `${file} ${constant}`),
  )
  const listed = new Set(rows.map(({ file, constant }) => `${file} ${constant}`))
  expect(constants.filter((constant) => !listed.has(constant))).toEqual([])
})

it('lists the retry classes of tools', () => {
  const [, union = ''] =
    /^export type RetryClass = (.+)$/m.exec(read(join(root, 'src/tool.ts'))) ?? []
  const classes = [...union.matchAll(/'(\w+)'/g)].map(([, name]) => name)
  const [, table = ''] = readme.split('| retry class |')
  const described = [...(table.split('\n\n')[0]?.matchAll(/^\| `(\w+)`/gm) ?? [])].map(
    ([, name]) => name,
  )
  expect(described).toEqual(classes)
})
