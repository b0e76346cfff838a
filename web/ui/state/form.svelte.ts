/** A dialog's form on its way to the server: busy, and what was wrong with which field. */
import { ApiFault } from './api.ts';
import { wordsFor } from './fault.ts';

export class Form {
  busy = $state(false);
  /** By the field's name in the API. */
  faults = $state.raw<Record<string, string>>({});
  /** What is wrong with no field in particular. */
  error = $state('');

  /** Runs `save`; a fault is shown and nothing is thrown. */
  async submit(event: SubmitEvent, save: () => Promise<void>): Promise<void> {
    event.preventDefault();
    this.busy = true;
    this.faults = {};
    this.error = '';
    try {
      await save();
    } catch (fault) {
      this.faults = fault instanceof ApiFault ? fault.fields : {};
      this.error = Object.keys(this.faults).length === 0 ? wordsFor(fault) : '';
    } finally {
      this.busy = false;
    }
  }
}
