/**
 * The settings of the current step: those of the agent, as `onStep` left them, with the changes of
 * `prepareStep`. Holds the attempts too, because a change of the model begins new ones.
 */
import type { StepDecision } from '../agent.ts'
import { mergeObjects } from '../ground/merge.ts'
import type { ModelReference } from '../model.ts'
import type { StepPreparation, ToolChoice } from '../step-preparation.ts'
import { Attempts } from './attempts.ts'
import { mergedOptions } from './call-options.ts'
import { isList, type RunSettings } from './run-settings.ts'
import { toolTable } from './tool-table.ts'

export class StepSettings {
  /** The settings of the step that runs or comes next. */
  current: RunSettings
  attempts: Attempts
  /** The settings of every step that `prepareStep` does not change. */
  #base: RunSettings
  #baseAttempts: Attempts
  /** The tool choice of the first step, until that step has begun. */
  #firstToolChoice: ToolChoice | undefined
  /** The models of `attempts`. */
  #models: readonly ModelReference[]

  constructor(settings: RunSettings) {
    this.#base = settings
    this.current = settings
    this.#firstToolChoice = settings.firstToolChoice
    this.#models = settings.models
    this.#baseAttempts = this.attempts = new Attempts(settings.models, settings.retry)
  }

  /** Ends the changes of the last step. */
  beginStep(isRepair: boolean): void {
    this.#base = this.#base.isRepair === isRepair ? this.#base : { ...this.#base, isRepair }
    const toolChoice = this.#firstToolChoice
    this.#firstToolChoice = undefined
    this.current = toolChoice === undefined ? this.#base : { ...this.#base, toolChoice }
  }

  /** Applies the changes of `prepareStep` to this step, and its system prompt also to the later ones. */
  prepare(preparation: StepPreparation): void {
    const { model, activeTools, toolChoice, providerOptions, extraBody } = preparation
    const { temperature, maxOutputTokens } = preparation
    const systemPrompt = preparation.systemPrompt ?? preparation.system ?? preparation.instructions
    if (systemPrompt !== undefined) this.#base = { ...this.#base, systemPrompt }
    const base = this.#base
    this.current = {
      ...base,
      ...(activeTools !== undefined && { activeTools }),
      ...(toolChoice !== undefined && { toolChoice }),
      ...(temperature !== undefined && { temperature }),
      ...(maxOutputTokens !== undefined && { maxOutputTokens }),
      ...(model !== undefined && { models: isList(model) ? model : [model] }),
      ...(extraBody !== undefined && { extraBody: mergeObjects(base.extraBody, extraBody) }),
      ...(providerOptions !== undefined && {
        providerOptions: mergedOptions(base.providerOptions, providerOptions),
      }),
    }
  }

  /** Begins the attempts of the step. A model that `prepareStep` set begins new ones, unless it has some. */
  beginAttempts(): Attempts {
    const { models, retry } = this.current
    if (models === this.#base.models) this.attempts = this.#baseAttempts
    else if (!isSame(models, this.#models)) this.attempts = new Attempts(models, retry)
    this.#models = models
    return this.attempts
  }

  /** Ends the attempts after a whole reply. The next step begins at the model that gave it. */
  endAttempts(): void {
    const next = this.attempts.forNextStep()
    if (this.attempts === this.#baseAttempts) this.#baseAttempts = next
    this.attempts = next
  }

  /** Applies the decision of `onStep` to all later steps. */
  async adopt({ tools, model }: Exclude<StepDecision, string>): Promise<void> {
    this.#base = {
      ...this.#base,
      ...(tools !== undefined && { tools: await toolTable(tools) }),
      ...(model !== undefined && { models: [model] }),
    }
    this.current = this.#base
    this.#baseAttempts = this.attempts = new Attempts(this.#base.models, this.#base.retry)
  }
}

const isSame = (one: readonly ModelReference[], other: readonly ModelReference[]): boolean =>
  one.length === other.length && one.every((model, index) => model === other[index])
