/**
 * Loom's tools and those of pi-coding-agent behind one interface: the same files, the same call,
 * and the outcome in one form. The comparison covers the facts that a model acts on, and not the
 * wording.
 */
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile as read,
  rm,
  symlink,
  writeFile as write,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { Workspace } from '../../src/machine/workspace.ts'
import type { NamedTool } from '../../src/tool.ts'
import { bash } from '../../tools/bash.ts'
import { editFile } from '../../tools/edit-file.ts'
import { glob } from '../../tools/glob.ts'
import { grep } from '../../tools/grep.ts'
import { readFile } from '../../tools/read-file.ts'
import { writeFile } from '../../tools/write-file.ts'
import { callTool } from '../tools/called-tool.ts'
import { answerOf } from './answers.ts'
import type { Answer, Case, ToolName } from './case.ts'

/** Runs the call of a case in a directory with its files. Returns the text for the model. */
export type Peer = (given: Case, root: string) => Promise<string>

export interface Outcome {
  answer: Answer
  /** The files of the directory afterwards, if the tool may change them. */
  files?: Record<string, string>
}

export const loom: Peer = async ({ tool, input }, root) => {
  const made = await loomTool(tool, root)
  const { output } = await callTool(made, input)
  if (typeof output === 'string') return output
  if (typeof output === 'object' && output !== null && 'text' in output) return String(output.text)
  throw new Error(`${tool} gave no text`)
}

async function loomTool(name: ToolName, root: string): Promise<NamedTool> {
  if (name === 'bash') return bash({ workspace: root, environment: { PATH: process.env['PATH'] } })
  const workspace = await Workspace.open(root)
  const tools = [readFile, writeFile, editFile, grep, glob].map((make) => make(workspace))
  const tool = tools.find((tool) => tool.name === name)
  if (tool === undefined) throw new Error(`no tool ${name}`)
  return tool
}

const names: Record<ToolName, string> = {
  read_file: 'createReadTool',
  write_file: 'createWriteTool',
  edit_file: 'createEditTool',
  grep: 'createGrepTool',
  glob: 'createFindTool',
  bash: 'createBashTool',
}

/**
 * The part of the peer that is used here. Its types are not installed on the machine that checks
 * this file.
 */
interface Package {
  [make: string]: (directory: string) => {
    execute: (id: string, input: object) => Promise<{ content: { text?: string }[] }>
  }
}

export async function piCodingAgent(): Promise<Peer> {
  // The name is not a literal in `import()`, so that the compiler does not look for its types. The
  // types here follow its own declarations.
  const name: string = '@earendil-works/pi-coding-agent'
  const tools: Package = await import(name)
  return async ({ tool, input }, root) => {
    const { content } = (await tools[names[tool]]?.(root).execute(
      'call',
      inputFor(tool, input),
    )) ?? {
      content: [],
    }
    return content.map(({ text = '' }) => text).join('')
  }
}

function inputFor(tool: ToolName, input: Case['input']): object {
  const { edits, ignore_case: ignoreCase, ...rest } = input
  if (tool === 'grep') return { ...rest, ignoreCase }
  if (edits === undefined) return rest
  return { ...rest, edits: edits.map(({ old, new: newText }) => ({ oldText: old, newText })) }
}

/** Runs a case in a directory of its own. */
export async function outcomeOf(peer: Peer, given: Case): Promise<Outcome> {
  const root = await mkdtemp(join(tmpdir(), 'loom-conformance-'))
  try {
    for (const [path, content] of Object.entries(given.files ?? {})) {
      await mkdir(dirname(join(root, path)), { recursive: true })
      await write(join(root, path), content)
    }
    for (const [path, target] of Object.entries(given.links ?? {})) {
      await symlink(target, join(root, path))
    }
    const result = await peer(given, root).catch((error: unknown) => {
      if (error instanceof Error) return error
      throw error
    })
    const answer = answerOf(given.tool, result)
    const isChange = given.tool === 'edit_file' || given.tool === 'write_file'
    return { answer, ...(isChange && { files: await filesIn(root) }) }
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

/** Loom's own records do not count as files. */
async function filesIn(root: string): Promise<Record<string, string>> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .filter((path) => !path.startsWith('.loom/'))
  const files: Record<string, string> = {}
  for (const path of paths.toSorted()) files[path] = await read(join(root, path), 'utf8')
  return files
}
