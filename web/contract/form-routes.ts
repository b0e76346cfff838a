/** Sign-up forms. Routes as the contract lists them. */
import * as form from './form.ts';
import { one } from './primitive.ts';
import { table } from './route.ts';

export const formRoutes = table({
  forms: {
    method: 'GET',
    path: '/api/forms',
    permission: 'audience.read',
    summary: 'Sign-up forms with how many filled them in and confirmed',
    response: form.forms,
  },
  createForm: {
    method: 'POST',
    path: '/api/forms',
    permission: 'audience.write',
    summary: 'Make a sign-up form; its page is there at once',
    body: form.newForm,
    response: form.form,
  },
  form: {
    method: 'GET',
    path: '/api/forms/:id',
    permission: 'audience.read',
    summary: 'One sign-up form, with what to paste into another site',
    params: one,
    response: form.form,
  },
  updateForm: {
    method: 'PATCH',
    path: '/api/forms/:id',
    permission: 'audience.write',
    summary: 'Change a form, or switch it off; what was agreed to keeps the words that were read',
    params: one,
    body: form.formChange,
    response: form.form,
  },
});
