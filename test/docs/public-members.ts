/**
 * The members of the types that the entries of the package export, and of the types of this repository
 * that these members name. A user sees the text of each on hover.
 */
import { join, relative } from 'node:path'

import { type Node, type PropertyName, SyntaxKind } from 'typescript/unstable/ast'
import * as is from 'typescript/unstable/ast/is'
import { API, type Checker, type Project, type Symbol, SymbolFlags } from 'typescript/unstable/sync'

import { root } from './pages.ts'

export interface PublicMember {
  /** The place of the declaration: `src/agent.ts:12`. */
  place: string
  /** The path to the member, such as `StepDecision.messages`. */
  name: string
  /** The docstring with its tags. It is empty if the member has none. */
  text: string
  isOptional: boolean
}

/**
 * Returns the members, and each signature of an exported function. It leaves out private members, members
 * that the build strips (`@internal`), and the field that distinguishes the alternatives of a union, which
 * the text of the union describes. It does not follow constructors: their options are for users only if an
 * entry exports them.
 * @param entries the source file of each entry, by its import name
 * @throws Error if the compiler does not find an entry
 */
export function publicMembers(entries: Readonly<Record<string, string>>): PublicMember[] {
  const api = new API({ cwd: root })
  try {
    const snapshot = api.updateSnapshot({ openProjects: [join(root, 'tsconfig.json')] })
    const [project] = snapshot.getProjects()
    if (project === undefined) throw new Error('The compiler did not open tsconfig.json.')
    const walk = new MemberWalk(project.checker)
    for (const entry of Object.values(entries)) walk.addExports(project, entry)
    return walk.members
  } finally {
    api.close()
  }
}

class MemberWalk {
  readonly members: PublicMember[] = []
  readonly #checker: Checker
  readonly #visited = new Set<number>()

  constructor(checker: Checker) {
    this.#checker = checker
  }

  addExports({ program, checker }: Project, entry: string): void {
    const source = program.getSourceFile(join(root, entry))
    const symbol = source && checker.getSymbolAtLocation(source)
    if (symbol === undefined) throw new Error(`${entry} is no module of the project.`)
    for (const exported of checker.getExportsOfModule(symbol)) this.#addSymbol(exported)
  }

  #addSymbol(found: Symbol): void {
    const isAlias = (found.flags & SymbolFlags.Alias) !== 0
    const symbol = isAlias ? this.#checker.getAliasedSymbol(found) : found
    if (this.#visited.has(symbol.id)) return
    this.#visited.add(symbol.id)
    for (const handle of symbol.declarations) {
      const declaration = handle.resolve()
      if (declaration === undefined || !isOfRepository(declaration)) continue
      if (isOverloaded(declaration)) continue
      if (is.isFunctionDeclaration(declaration)) this.#add(declaration, symbol.name)
      this.#addInside(declaration, symbol.name)
    }
  }

  /** Adds the members in a declaration, and the types that it names. */
  #addInside(node: Node, owner: string): void {
    for (const child of publicPartsOf(node)) this.#addNode(child, owner)
  }

  #addNode(node: Node, owner: string): void {
    const docs = docstring(node)
    if (isPrivate(node) || isOverloaded(node) || docs.includes('@internal')) return
    const type = namedType(node)
    const symbol = type && this.#checker.getSymbolAtLocation(type)
    if (symbol !== undefined) this.#addSymbol(symbol)
    const name = memberName(node)
    if (name === undefined) return this.#addInside(node, owner)
    const path = `${owner}.${name.getText()}`
    if (!isDiscriminant(node) && !isPattern(node)) this.#add(node, path)
    this.#addInside(node, path)
  }

  #add(node: Node, name: string): void {
    const { fileName, text } = node.getSourceFile()
    const line = text.slice(0, node.getStart()).split('\n').length
    this.members.push({
      place: `${relative(root, fileName)}:${line}`,
      name,
      text: docstring(node),
      isOptional: 'postfixToken' in node && node.postfixToken !== undefined,
    })
  }
}

function isOfRepository(node: Node): boolean {
  const path = relative(root, node.getSourceFile().fileName)
  return !path.startsWith('..') && !path.includes('node_modules')
}

const isNamed = (node: Node) =>
  is.isInterfaceDeclaration(node) ||
  is.isTypeAliasDeclaration(node) ||
  is.isClassDeclaration(node) ||
  is.isFunctionDeclaration(node)

/** The implementation of overloads is not public. */
function isOverloaded(node: Node): boolean {
  if (!('body' in node) || node.body === undefined) return false
  const siblings: Node[] = []
  node.parent.forEachChild((sibling) => void siblings.push(sibling))
  const before = siblings[siblings.indexOf(node) - 1]
  return before?.kind === node.kind && 'body' in before && before.body === undefined
}

/** The name of the type to which a node refers. */
function namedType(node: Node): Node | undefined {
  if (is.isTypeReferenceNode(node)) return node.typeName
  if (is.isExpressionWithTypeArguments(node)) return node.expression
  return is.isTypeQueryNode(node) ? node.exprName : undefined
}

function memberName(node: Node): PropertyName | undefined {
  const isMember =
    is.isPropertySignatureDeclaration(node) ||
    is.isMethodSignatureDeclaration(node) ||
    is.isPropertyDeclaration(node) ||
    is.isMethodDeclaration(node) ||
    is.isGetAccessorDeclaration(node)
  return isMember ? node.name : undefined
}

function isPrivate(node: Node): boolean {
  const words: readonly SyntaxKind[] =
    'modifiers' in node && Array.isArray(node.modifiers)
      ? node.modifiers.map(({ kind }) => kind)
      : []
  return (
    memberName(node)?.kind === SyntaxKind.PrivateIdentifier ||
    words.includes(SyntaxKind.PrivateKeyword)
  )
}

/** The code of a function or a value is not public. */
function publicPartsOf(node: Node): readonly Node[] {
  if (is.isConstructorDeclaration(node)) return []
  if (is.isVariableDeclaration(node)) {
    const { initializer } = node
    const signature = initializer && is.isArrowFunction(initializer) ? initializer : undefined
    return [node.type ?? signature].filter((part) => part !== undefined)
  }
  const parts: Node[] = []
  node.forEachChild((child) => {
    const isCode =
      ('body' in node && node.body === child) ||
      ('initializer' in node && node.initializer === child)
    if (!isCode) parts.push(child)
  })
  return parts
}

const isDiscriminant = (node: Node) =>
  is.isPropertySignatureDeclaration(node) &&
  is.isLiteralTypeNode(node.type) &&
  is.isStringLiteral(node.type.literal)

/** Whether a member only selects types: it is in a condition, or in an argument of one. */
function isPattern({ parent }: Node): boolean {
  for (let node = parent; !isNamed(node); node = node.parent) {
    if (is.isConditionalTypeNode(node)) return true
    if (is.isSourceFile(node)) return false
  }
  return false
}

function docstring(node: Node): string {
  const comment = 'jsDoc' in node && Array.isArray(node.jsDoc) ? node.jsDoc.at(-1) : undefined
  // The node begins with the comments before the docstring.
  const [, text = ''] = /\/\*\*([^]*)\*\/$/.exec(comment?.getText() ?? '') ?? []
  return text.replaceAll(/^\s*\* ?/gm, '').trim()
}
