/** The picker of the agent. It is hidden without a list, or with a single agent. */
import { element } from './playground-dom.js'

export function openAgents({ picker, select, about, server, onChange }) {
  let agents = []
  const defaultText = about.textContent

  const findAgent = (name) => agents.find((agent) => agent.name === name)

  function draw() {
    const description = findAgent(select.value)?.description
    picker.title = description ?? ''
    about.textContent = description || defaultText
  }

  select.addEventListener('change', () => {
    onChange(select.value)
    draw()
  })

  return {
    async load() {
      agents = await server.agents()
      select.replaceChildren(...agents.map(({ name }) => element('option', { value: name }, name)))
      picker.hidden = agents.length < 2
      draw()
    },
    /**
     * Selects the agent of a conversation, or the default agent if the server has no such agent.
     */
    show(name) {
      const agent = findAgent(name) ?? agents.find((agent) => agent.default)
      if (agent === undefined || select.value === agent.name) return
      select.value = agent.name
      draw()
    },
    get current() {
      return select.value || undefined
    },
  }
}
