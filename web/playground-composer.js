/**
 * The message box: the text field, the attached files, and the effect of a message on a running
 * answer.
 */
import { element } from './playground-dom.js'
import { openAttachments } from './playground-files.js'

const at = (id) => document.getElementById(id)

/**
 * @param send receives the parts of a message, and its effect on a running turn
 * @param announce announces the files that could not be attached
 * @param lastText returns the text of the last message, so that the human can send it again
 */
export function openComposer({ send, stop, announce, lastText }) {
  const prompt = at('prompt')
  const whenBusy = at('when-busy')
  const attachments = openAttachments(at('attachments'), showProblems)
  let isBusy = false
  /**
   * The number of file reads in progress. A message that is sent meanwhile would miss these files.
   */
  let reading = 0

  function showProblems(problems) {
    at('attach-problem').hidden = problems.length === 0
    at('attach-problem').replaceChildren(...problems.map((text) => element('p', {}, text)))
    if (problems.length > 0) announce(problems.join(' '))
  }

  const isEmpty = () => prompt.value.trim() === '' && attachments.isEmpty

  function draw() {
    at('send').disabled = isEmpty() || reading > 0
    document.body.classList.toggle('reading-files', reading > 0)
    at('stop').hidden = !isBusy
    at('busy-picker').hidden = !isBusy
    prompt.placeholder = isBusy ? 'Write the next message…' : 'Write a message…'
  }

  function submit() {
    if (isEmpty() || reading > 0) return
    showProblems([])
    const text = prompt.value.trim()
    const parts = [...attachments.take(), ...(text === '' ? [] : [{ type: 'text', text }])]
    fill('')
    send(parts, whenBusy.value)
    prompt.focus()
  }

  function fill(text) {
    prompt.value = text
    // For browsers that cannot size the field by its content.
    if (!CSS.supports('field-sizing', 'content')) {
      prompt.style.height = 'auto'
      prompt.style.height = `${prompt.scrollHeight}px`
    }
    draw()
  }

  async function attach(files) {
    reading++
    draw()
    try {
      await attachments.add(files)
    } finally {
      reading--
      draw()
    }
  }

  prompt.addEventListener('input', () => fill(prompt.value))

  prompt.addEventListener('keydown', (event) => {
    // An Enter that ends the composition of a character does not send the message.
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault()
      submit()
    } else if (event.key === 'ArrowUp' && prompt.value === '') {
      const text = lastText()
      if (text === undefined) return
      event.preventDefault()
      fill(text)
    }
  })

  at('composer').addEventListener('submit', (event) => {
    event.preventDefault()
    submit()
  })
  at('stop').addEventListener('click', () => {
    stop()
    prompt.focus()
  })

  addEventListener('keydown', (event) => {
    if (document.querySelector('dialog[open]') !== null) return
    if (event.key === 'Escape' && isBusy) stop()
    const typing = /^(?:INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName ?? '')
    if (event.key === '/' && !typing && !event.metaKey && !event.ctrlKey) {
      event.preventDefault()
      prompt.focus()
    }
  })

  at('attach').addEventListener('click', () => at('files').click())
  at('files').addEventListener('change', async () => {
    await attach([...at('files').files])
    at('files').value = ''
    prompt.focus()
  })

  addEventListener('paste', (event) => {
    if (event.clipboardData.files.length === 0) return
    event.preventDefault()
    void attach([...event.clipboardData.files])
  })

  addEventListener('dragover', (event) => {
    if (!event.dataTransfer.types.includes('Files')) return
    event.preventDefault()
    document.body.classList.add('dropping')
  })
  addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) document.body.classList.remove('dropping')
  })
  addEventListener('drop', (event) => {
    document.body.classList.remove('dropping')
    if (event.dataTransfer.files.length === 0) return
    event.preventDefault()
    void attach([...event.dataTransfer.files])
  })

  draw()
  return {
    focus: () => prompt.focus(),
    get isInUse() {
      return prompt.value !== ''
    },
    show({ busy, isStopping }) {
      isBusy = busy
      at('stop').disabled = isStopping
      draw()
    },
  }
}
