/**
 * A process that runs one bash command and prints the result as one line of JSON. A test kills it, or
 * measures its memory. Arguments: a confinement, a workspace, a command.
 */
import { bash } from '../../tools/bash.ts'
import { callTool } from './called-tool.ts'
import { type Confinement, sandboxOf } from './sandboxes.ts'

const [kind = '', workspace = '', command = ''] = process.argv.slice(2)

const isConfinement = (text: string): text is Confinement =>
  ['bwrap', 'unshare', 'none'].includes(text)

if (!isConfinement(kind)) throw new Error(`${kind} is no confinement`)

const tool = bash({
  workspace,
  environment: { PATH: process.env['PATH'] },
  sandbox: sandboxOf(kind),
  logParent: workspace,
  logBytesMax: 1024 * 1024,
})
// The first command loads modules, whose memory does not count.
await callTool(tool, { command: 'seq 100000' })
const before = process.resourceUsage().maxRSS
const { output } = await callTool(tool, { command })
const kilobytes = process.resourceUsage().maxRSS - before
process.stdout.write(JSON.stringify({ output, kilobytes }))
