/** The sum over the spending of the tasks of a tree. It follows each change, so no reader adds up a whole tree. */
import { addSpending, noSpending, type Spending, subtractSpending } from '../../spending.ts'

export class SpendingSum {
  /** Without the costs that are unknown. */
  #sum: Spending = noSpending
  /** The number of tasks whose cost is unknown. */
  #unknown = 0
  #kept: Spending = noSpending

  /** The sum, without the part of one task. */
  totalWithout(part: Spending = noSpending): Spending {
    const sum = subtractSpending(addSpending(this.#sum, this.#kept), part)
    const unknown = this.#unknown - (part.isCostKnown ? 0 : 1)
    return { ...sum, isCostKnown: unknown === 0 && this.#kept.isCostKnown }
  }

  /** The part of tasks that are not in the tree any more. */
  get kept(): Spending {
    return this.#kept
  }

  set kept(spent: Spending) {
    this.#kept = spent
  }

  replace(before: Spending | undefined, after: Spending | undefined): void {
    if (before !== undefined) {
      this.#sum = subtractSpending(this.#sum, before)
      if (!before.isCostKnown) this.#unknown -= 1
    }
    if (after !== undefined) {
      this.#sum = addSpending(this.#sum, after)
      if (!after.isCostKnown) this.#unknown += 1
    }
  }

  /** Keeps the spending of a task that leaves the tree. */
  keep(spent: Spending | undefined): void {
    this.replace(spent, undefined)
    if (spent !== undefined) this.#kept = addSpending(this.#kept, spent)
  }

  clear(): void {
    this.#sum = noSpending
    this.#unknown = 0
    this.#kept = noSpending
  }
}
