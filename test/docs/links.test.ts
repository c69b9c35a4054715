/** Every link between the pages leads to a file and a heading that exist. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

import { describe, expect, it } from 'vitest'

import { pages, root } from './pages.ts'

const others = ['ARCHITECTURE.md', 'CHANGELOG.md']
const texts = new Map([
  ...pages.map(({ path, text }) => [path, text] as const),
  ...others.map((path) => [path, readFileSync(join(root, path), 'utf8')] as const),
])

const withoutCode = (text: string) => text.replaceAll(/^ *```[^]*?^ *```$/gm, '')

/**
 * Returns the anchor that GitHub creates: lower case, without punctuation, with a hyphen for each
 * space.
 */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, '')
    .replaceAll(' ', '-')

const anchorsIn = (text: string): string[] =>
  [...withoutCode(text).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading))

interface Link {
  from: string
  target: string
}

const links: Link[] = [...texts].flatMap(([from, text]) =>
  [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => ({ from, target })),
)

function faultOf({ from, target }: Link): string[] {
  const [path = '', anchor] = target.split('#')
  const file = path === '' ? from : normalize(join(dirname(from), path))
  if (!existsSync(join(root, file))) return [`${from}: ${target}: there is no ${file}`]
  if (anchor === undefined) return []
  const has = anchorsIn(texts.get(file) ?? '').includes(anchor)
  return has ? [] : [`${from}: ${target}: ${file} has no such heading`]
}

describe('the links of the documentation', () => {
  const local = links.filter(({ target }) => !/^https?:/.test(target))

  it('lead to files and headings that exist', () => {
    expect(local.length).toBeGreaterThan(50)
    expect(local.flatMap(faultOf)).toEqual([])
  })

  it('are found wrong if a file or a heading is missing', () => {
    const from = 'docs/http.md'
    expect(faultOf({ from, target: 'nowhere.md' })).toHaveLength(1)
    expect(faultOf({ from, target: 'settings.md#nowhere' })).toHaveLength(1)
    expect(faultOf({ from, target: '../README.md#start' })).toEqual([])
  })

  it('lead from the README to every page', () => {
    const targets = local.filter(({ from }) => from === 'README.md').map(({ target }) => target)
    const linked = pages.map(({ path }) => path).filter((path) => targets.includes(path))
    expect(linked).toEqual(pages.map(({ path }) => path).filter((path) => path !== 'README.md'))
  })

  it('lead to an address that is written as one', () => {
    const addresses = links.filter(({ target }) => /^https?:/.test(target))
    expect(addresses.filter(({ target }) => !URL.canParse(target))).toEqual([])
  })
})

describe('the README', () => {
  it('has at most 1000 words', () => {
    expect((texts.get('README.md') ?? '').split(/\s+/).length).toBeLessThan(1000)
  })
})
