/**
 * Builds the message from the chunks of a stream. Pure, no DOM. Part by part, it equals the
 * `UIMessage` of the AI SDK and the message that the server stores. A test compares them.
 */

/** The state of a reader: the message, its open parts, and the end of the stream. */
export function openReading(message) {
  return { message, open: new Map(), inputs: new Map(), end: null, error: null }
}

/**
 * Adds a chunk to the message. Unknown chunks are ignored, because the server may be newer than the
 * page.
 */
export function applyChunk(reading, chunk) {
  const apply = appliers[chunk.type]
  if (apply !== undefined) apply(reading, chunk)
  else if (chunk.type.startsWith('data-')) applyData(reading, chunk)
}

const appliers = {
  start(reading, { messageId, messageMetadata }) {
    // A message that waited starts again in the same stream.
    Object.assign(reading, { end: null, error: null })
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

/** Updates the part of a call, or adds one. */
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

/** Closes the open parts after the end of a stream. */
export function closeReading({ message, open }) {
  for (const part of open.values()) part.state = 'done'
  open.clear()
  message.parts = message.parts.filter((part) => part.state !== 'input-streaming')
}

/**
 * The parts that the page shows. If another server continued an answer, a text ends in the middle
 * of a sentence, and the next step begins with the rest. This function joins both texts.
 */
export function joinedParts(parts) {
  const joined = []
  for (const part of parts) {
    const [before, step] = joined.slice(-2)
    const isRest = part.type === 'text' && step?.type === 'step-start' && before?.type === 'text'
    if (isRest) joined.splice(-2, 2, { ...part, text: before.text + part.text })
    else joined.push(part)
  }
  return joined
}

export const isTool = (part) => part.type === 'dynamic-tool' || part.type.startsWith('tool-')

export const toolNameOf = (part) => part.toolName ?? part.type.slice('tool-'.length)
