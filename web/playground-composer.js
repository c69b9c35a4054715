/** Where messages are written: the field, what is attached, and what is to happen while an agent is busy. */
import { element } from './playground-dom.js'
import { openAttachments } from './playground-files.js'

const at = (id) => document.getElementById(id)

/**
 * @param send told the parts of a message, and what it does to a turn that runs
 * @param tell says to the human what could not be attached
 * @param lastWords gives what was said last, to be said again
 */
export function openComposer({ send, stop, tell, lastWords }) {
  const prompt = at('prompt')
  const whenBusy = at('when-busy')
  const attachments = openAttachments(at('attachments'), showProblems)
  let isBusy = false
  /** Files are being made smaller: sending now would leave them behind. */
  let reading = 0

  function showProblems(problems) {
    at('attach-problem').hidden = problems.length === 0
    at('attach-problem').replaceChildren(...problems.map((text) => element('p', {}, text)))
    if (problems.length > 0) tell(problems.join(' '))
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
    // Where the browser cannot size the field by its content.
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
    // An Enter that ends the composition of a character is not one that sends.
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault()
      submit()
    } else if (event.key === 'ArrowUp' && prompt.value === '') {
      const words = lastWords()
      if (words === undefined) return
      event.preventDefault()
      fill(words)
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
