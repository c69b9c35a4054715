/** A workspace of real files in its own directory, and calls of the file tools in it. */
import {
  mkdir,
  mkdtemp,
  readFile as read,
  realpath,
  rm,
  writeFile as write,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { Workspace } from '../../src/machine/workspace.ts'
import { toolTable } from '../../src/runner/tool-table.ts'
import type { NamedTool } from '../../src/tool.ts'
import { editFile } from '../../tools/edit-file.ts'
import { glob } from '../../tools/glob.ts'
import { grep } from '../../tools/grep.ts'
import { readFile, type ReadFileOptions } from '../../tools/read-file.ts'
import { writeFile } from '../../tools/write-file.ts'

export interface CallOptions {
  session?: string
  /** The id of the call. A second attempt has the same id. */
  id?: string
  signal?: AbortSignal
}

export interface FilesStage extends AsyncDisposable {
  /** The folder that holds the workspace and `outside`. */
  root: string
  outside: string
  workspace: Workspace
  /** A workspace like that of another process, which shares no memory with this one. */
  restarted: () => Promise<FilesStage>
  put: (path: string, content: string | Uint8Array) => Promise<string>
  text: (path: string) => Promise<string>
  bytes: (path: string) => Promise<Buffer>
  call: (tool: ToolName, input: unknown, options?: CallOptions) => Promise<Output>
  /** Returns the text that the model receives. */
  modelText: (tool: ToolName, input: unknown, options?: CallOptions) => Promise<string>
  /** Returns the error text that the model receives. */
  refusal: (tool: ToolName, input: unknown, options?: CallOptions) => Promise<string>
}

export type ToolName = 'read_file' | 'write_file' | 'edit_file' | 'grep' | 'glob'

/** The fields of all tools' outputs. */
export interface Output {
  text: string
  path?: string
  diff?: string
  files?: string[]
  matches?: number
  truncated?: boolean
  created?: boolean
  bytes?: number
  nextOffset?: number
  kind?: string
}

let calls = 0

export async function openStage(options: ReadFileOptions = {}): Promise<FilesStage> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'loom-files-')))
  const root = join(folder, 'ws')
  const outside = join(folder, 'outside')
  await Promise.all([mkdir(root), mkdir(outside)])
  const remove = () => rm(folder, { recursive: true, force: true })
  return stageIn({ root, outside, remove }, options)
}

interface Place {
  root: string
  outside: string
  remove: () => Promise<void>
}

async function stageIn(place: Place, options: ReadFileOptions): Promise<FilesStage> {
  const { root } = place
  const workspace = await Workspace.open(root)
  const tools = [
    readFile(workspace, options),
    writeFile(workspace),
    editFile(workspace),
    grep(workspace),
    glob(workspace),
  ]
  const call = (name: ToolName, input: unknown, callOptions: CallOptions = {}) => {
    const tool = tools.find((tool) => tool.name === name)
    if (tool === undefined) throw new Error(`no tool ${name}`)
    return callAs(tool, input, callOptions)
  }
  return {
    ...place,
    workspace,
    call,
    restarted: () => stageIn({ ...place, remove: async () => undefined }, options),
    modelText: async (...given) => (await call(...given)).text,
    refusal: async (...given) => {
      const settled = await call(...given).catch((error: unknown) => error)
      if (settled instanceof Error) return settled.message
      throw new Error(`the call was not refused: ${JSON.stringify(settled)}`)
    },
    put: async (path, content) => {
      await mkdir(dirname(join(root, path)), { recursive: true })
      await write(join(root, path), content)
      return join(root, path)
    },
    text: (path) => read(join(root, path), 'utf8'),
    bytes: (path) => read(join(root, path)),
    [Symbol.asyncDispose]: place.remove,
  }
}

/** Calls a tool as the runner does: it validates the input first. */
export async function callAs(
  tool: NamedTool,
  input: unknown,
  options: CallOptions,
): Promise<Output> {
  const ready = (await toolTable([tool])).get(tool.name)
  const checked = await ready?.check(input)
  if (checked === undefined || 'refusal' in checked) throw new Error(checked?.refusal)
  const {
    session = 'session',
    id = `call-${++calls}`,
    signal = new AbortController().signal,
  } = options
  const output: unknown = await ready?.execute?.(checked.input, {
    toolCallId: id,
    messages: [],
    signal,
    abortSignal: signal,
    context: undefined,
    idempotencyKey: `${session}:${id}`,
    conversation: session,
    principal: '',
    sessionId: undefined,
    messageId: 'message',
    agent: 'tester',
    depth: 0,
    schedules: undefined,
    step: async (name, work) => work({ key: `${session}:${id}:${name}`, signal }),
    write: () => Promise.resolve(),
    run: () => Promise.reject(new Error('no agent to run')),
  })
  if (!isOutput(output)) throw new Error(`no output: ${JSON.stringify(output)}`)
  return output
}

const isOutput = (value: unknown): value is Output =>
  typeof value === 'object' && value !== null && 'text' in value && typeof value.text === 'string'
