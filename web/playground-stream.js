/**
 * The UI message stream, as a client reads it: bytes to chunks, chunks to a message. Pure, no DOM. The
 * messages are the AI SDK's `UIMessage`s part by part, because they are posted back to the server.
 */

/** Longer than any frame has a reason to be; a server that never ends a line must not fill the tab. */
const lineMax = 64_000_000

/** The chunks of a response body, in order. Ends at the end of the body, with or without `[DONE]`. */
export async function* chunksOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  try {
    let rest = ''
    let data = []
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const lines = (rest + value).split(/\r\n|\n|\r(?!$)/)
      rest = lines.pop()
      if (rest.length > lineMax) throw new Error('The server sent a line without end.')
      for (const line of lines) {
        if (line.startsWith('data:')) data.push(line.slice(line[5] === ' ' ? 6 : 5))
        else if (line === '' && data.length > 0) {
          const text = data.join('\n')
          data = []
          if (text !== '[DONE]') yield parsed(text)
        }
      }
    }
  } finally {
    // Without this a reader that stops early would leave the connection open.
    reader.cancel().catch(() => {})
  }
}

function parsed(text) {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Error('The server sent something that is no part of an answer.', { cause })
  }
}

/** What a reader of a stream knows beside the message: which parts are open. */
export function openReading(message) {
  return { message, open: new Map(), inputs: new Map(), end: null, error: null }
}

/** Puts a chunk into the message. Unknown chunks are left alone: servers are newer than pages. */
export function applyChunk(reading, chunk) {
  const apply = appliers[chunk.type]
  if (apply !== undefined) apply(reading, chunk)
  else if (chunk.type.startsWith('data-')) applyData(reading, chunk)
}

const appliers = {
  start(reading, { messageId, messageMetadata }) {
    if (messageId !== undefined) reading.message.id = messageId
    addMetadata(reading.message, messageMetadata)
  },
  'message-metadata': (reading, chunk) => addMetadata(reading.message, chunk.messageMetadata),
  'start-step': ({ message }) => message.parts.push({ type: 'step-start' }),
  'finish-step': ({ open }) => open.clear(),
  'reset-step'({ message, open, inputs }) {
    const start = message.parts.findLastIndex((part) => part.type === 'step-start')
    message.parts.length = start + 1
    open.clear()
    inputs.clear()
  },
  'text-start': (reading, chunk) => openPart(reading, chunk, 'text'),
  'text-delta': addDelta,
  'text-end': closePart,
  'reasoning-start': (reading, chunk) => openPart(reading, chunk, 'reasoning'),
  'reasoning-delta': addDelta,
  'reasoning-end': closePart,
  'tool-input-start'(reading, chunk) {
    reading.inputs.set(chunk.toolCallId, '')
    setTool(reading, chunk, { state: 'input-streaming', input: undefined })
  },
  'tool-input-delta'({ inputs }, { toolCallId, inputTextDelta }) {
    inputs.set(toolCallId, (inputs.get(toolCallId) ?? '') + inputTextDelta)
  },
  'tool-input-available'(reading, chunk) {
    reading.inputs.delete(chunk.toolCallId)
    setTool(reading, chunk, { state: 'input-available', input: chunk.input })
  },
  'tool-input-error'(reading, chunk) {
    const { toolCallId, input, errorText } = chunk
    reading.inputs.delete(toolCallId)
    setTool(reading, chunk, { state: 'output-error', input, errorText })
  },
  'tool-approval-request'(reading, { toolCallId, approvalId: id, ...rest }) {
    const approval = { id, ...pick(rest, ['signature', 'inputSchemaInput']) }
    updateTool(reading, toolCallId, { state: 'approval-requested', approval })
  },
  'tool-approval-response'(reading, { approvalId, approved, reason }) {
    const part = reading.message.parts.find((part) => part.approval?.id === approvalId)
    if (part === undefined) return
    const approval = { ...part.approval, approved, ...(reason !== undefined && { reason }) }
    Object.assign(part, { state: 'approval-responded', approval })
  },
  'tool-output-available'(reading, { toolCallId, output, preliminary }) {
    const change = { state: 'output-available', output, preliminary: preliminary || undefined }
    updateTool(reading, toolCallId, { ...change, errorText: undefined })
  },
  'tool-output-error'(reading, { toolCallId, errorText }) {
    const change = { state: 'output-error', errorText, output: undefined, preliminary: undefined }
    updateTool(reading, toolCallId, change)
  },
  'tool-output-denied': (reading, { toolCallId }) =>
    updateTool(reading, toolCallId, { state: 'output-denied' }),
  file: ({ message }, chunk) => message.parts.push(pick(chunk, ['type', 'mediaType', 'url'])),
  'source-url': ({ message }, chunk) =>
    message.parts.push(pick(chunk, ['type', 'sourceId', 'url', 'title'])),
  'source-document': ({ message }, chunk) =>
    message.parts.push(pick(chunk, ['type', 'sourceId', 'mediaType', 'title', 'filename'])),
  error(reading, { errorText }) {
    reading.end = 'error'
    reading.error = errorText
  },
  abort(reading) {
    reading.end ??= 'abort'
  },
  finish(reading, { messageMetadata }) {
    reading.end ??= 'finish'
    addMetadata(reading.message, messageMetadata)
  },
}

function openPart({ message, open }, { id, providerMetadata }, type) {
  const part = { type, text: '', state: 'streaming', ...(providerMetadata && { providerMetadata }) }
  if (type === 'reasoning') part.id = id
  open.set(`${type} ${id}`, part)
  message.parts.push(part)
}

function addDelta({ open }, { type, id, delta }) {
  const part = open.get(`${type.slice(0, type.indexOf('-'))} ${id}`)
  if (part !== undefined) part.text += delta
}

function closePart({ open }, { type, id, providerMetadata }) {
  const key = `${type.slice(0, type.indexOf('-'))} ${id}`
  const part = open.get(key)
  if (part === undefined) return
  part.state = 'done'
  if (providerMetadata) part.providerMetadata = providerMetadata
  open.delete(key)
}

/** Changes the part of a call, or adds it. */
function setTool(reading, chunk, change) {
  if (updateTool(reading, chunk.toolCallId, change)) return
  const { toolCallId, toolName, dynamic } = chunk
  const named = dynamic ? { type: 'dynamic-tool', toolName } : { type: `tool-${toolName}` }
  const more = pick(chunk, ['title', 'providerExecuted'])
  reading.message.parts.push({ ...named, toolCallId, ...more, ...change })
}

function updateTool({ message }, toolCallId, change) {
  const part = message.parts.findLast((part) => part.toolCallId === toolCallId)
  if (part !== undefined) Object.assign(part, change)
  return part !== undefined
}

function applyData({ message }, { type, id, data, transient }) {
  if (transient) return
  const known = id && message.parts.find((part) => part.type === type && part.id === id)
  if (known) known.data = data
  else message.parts.push({ type, ...(id !== undefined && { id }), data })
}

function addMetadata(message, metadata) {
  if (metadata === undefined || metadata === null) return
  message.metadata = { ...message.metadata, ...metadata }
}

function pick(object, keys) {
  return Object.fromEntries(
    keys.filter((key) => object[key] !== undefined).map((key) => [key, object[key]]),
  )
}

/** Settles what a stream left open when it ended in whatever way. */
export function closeReading({ message, open }) {
  for (const part of open.values()) part.state = 'done'
  open.clear()
  message.parts = message.parts.filter((part) => part.state !== 'input-streaming')
}

export const isTool = (part) => part.type === 'dynamic-tool' || part.type.startsWith('tool-')

export const toolNameOf = (part) => part.toolName ?? part.type.slice('tool-'.length)

/** The tool parts of the last step. */
export function toolsOfLastStep(message) {
  const start = message.parts.findLastIndex((part) => part.type === 'step-start')
  return message.parts.slice(start + 1).filter((part) => isTool(part) && !part.providerExecuted)
}

const settledStates = new Set([
  'output-available',
  'output-error',
  'output-denied',
  'approval-responded',
])

/** True when no tool of the last step waits for the human any more, so that the turn can go on. */
export function isAnswered(message) {
  const tools = toolsOfLastStep(message)
  return (
    tools.length > 0 && tools.every((part) => settledStates.has(part.state) && !part.preliminary)
  )
}
