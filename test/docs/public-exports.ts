/** The exports of the entries of the package, each with the docstring of its declaration. */
import { join, relative } from 'node:path'

import { API, type Project, SymbolFlags } from 'typescript/unstable/sync'

import { type Block, root } from './pages.ts'

export interface PublicExport {
  name: string
  /** The module that users import it from, such as `loomkit` or `loomkit/client`. */
  module: string
  /** The file of the declaration, as seen from the root. A re-export leads to it. */
  path: string
  /** The docstring before its first tag. It is empty if the declaration has none. */
  description: string
  /** The contents of its `@example` tags that are one block of TypeScript. */
  examples: readonly Block[]
  /** The number of its `@example` tags. */
  exampleTags: number
}

/** @throws Error if the compiler does not find an entry or a declaration */
export function publicExports(entries: Readonly<Record<string, string>>): PublicExport[] {
  const api = new API({ cwd: root })
  try {
    const snapshot = api.updateSnapshot({ openProjects: [join(root, 'tsconfig.json')] })
    const [project] = snapshot.getProjects()
    if (project === undefined) throw new Error('The compiler did not open tsconfig.json.')
    return Object.entries(entries).flatMap(([module, entry]) => exportsOf(project, module, entry))
  } finally {
    api.close()
  }
}

function exportsOf({ program, checker }: Project, module: string, entry: string): PublicExport[] {
  const source = program.getSourceFile(join(root, entry))
  const symbol = source && checker.getSymbolAtLocation(source)
  if (symbol === undefined) throw new Error(`${entry} is no module of the project.`)
  return checker.getExportsOfModule(symbol).map((exported) => {
    const { name, flags } = exported
    const declared = flags & SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
    const declaration = declared.declarations[0]?.resolve()
    if (declaration === undefined) throw new Error(`${name} of ${module} has no declaration.`)
    const { fileName, text } = declaration.getSourceFile()
    const path = relative(root, fileName)
    const tags = checker.getJsDocTagsOfSymbol(declared).filter((tag) => tag.name === 'example')
    const start = text.indexOf('@example', declaration.pos)
    const line = text.slice(0, start).split('\n').length + 2
    return {
      name,
      module,
      path,
      description: checker.getDocumentationCommentOfSymbol(declared),
      examples: tags.flatMap((tag) => exampleIn(tag.text ?? '', { page: path, line })),
      exampleTags: tags.length,
    }
  })
}

function exampleIn(tag: string, place: Pick<Block, 'page' | 'line'>): Block[] {
  const [, code] = /^```ts\n([^]*\n)```$/.exec(tag.trim()) ?? []
  return code === undefined ? [] : [{ ...place, language: 'ts', code }]
}
