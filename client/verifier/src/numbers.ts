// The numbers that stand on the ledger for kinds, roles, categories, purposes, rules and denials (docs/spec/transactions.md,
// Numbers; rules.md; decision.md). A number that stands nowhere here makes bytes malformed.

/** Numbers with their names. */
export type Names = ReadonlyMap<number, string>;

export const ORGANISATION_KINDS: Names = counted(1, [
  'hospital', 'clinic', 'pharmacy', 'care-facility', 'regional-cloud', 'phr-operator', 'data-management-service', 'research-body',
  'agency', 'regulator', 'academic-society', 'company',
]);

export const ROLES: Names = counted(1, [
  'physician', 'dentist', 'pharmacist', 'nurse', 'public-health-nurse', 'midwife', 'radiological-technologist',
  'laboratory-technologist', 'care-worker', 'records-administrator', 'auditor',
]);

export const PEER_KINDS: Names = counted(1, ['validator', 'observer']);

export const PURPOSES: Names = counted(1, [
  'TREAT', 'ETREAT', 'BTG', 'COC', 'CAREMGT', 'PATRQT', 'FAMRQT', 'PWATRNY', 'PUBHLTH', 'DISASTER', 'HRESCH', 'CLINTRCH', 'HQUALIMP',
  'PATSFTY',
]);

export const EMERGENCY_REASONS: Names = new Map([...counted(1, [
  'unconscious', 'danger-to-life', 'incapable', 'danger-to-others', 'disaster',
]), [255, 'other']]);

/** Categories in the order of their numbers; a category's place is its bit in a set. */
export const CATEGORIES: Names = new Map([
  ...counted(1, ['referral', 'discharge-summary', 'check-up']),
  ...counted(10, [
    'diagnosis', 'allergy', 'infection', 'drug-contraindication', 'emergency-test', 'lifestyle-test', 'prescription',
  ]),
  ...counted(20, ['chart', 'dispensing', 'personal-health-record', 'treatment-history', 'test-result']),
  ...counted(26, ['image', 'vital-signs', 'self-recorded', 'evaluation', 'plan']),
  [255, 'other'],
]);

export const ACTIONS: Names = new Map([
  ...counted(1, [
    'propose', 'vote', 'rotate-authority', 'rotate-validator', 'register-peer', 'remove-peer', 'register-practitioner',
    'renew-practitioner', 'rotate-practitioner', 'set-practitioner-standing', 'report-double-sign',
  ]),
  ...counted(40, [
    'open-account', 'rotate-controller', 'appoint-guardian', 'dismiss-guardian', 'attest-recovery', 'veto-recovery',
    'complete-recovery',
  ]),
  ...counted(70, ['register-record', 'supersede-record', 'erase-record', 'set-provider-flags']),
  ...counted(100, [
    'grant', 'revoke', 'seal', 'lift-seal', 'unseal', 'access', 'disclose', 'acknowledge', 'report-payload', 'refuse-disclosure',
    'open-consult', 'close-consult', 'answer-consult', 'close-review', 'read-journal',
  ]),
]);

/** Rules by number, with their codes. */
export const RULES: Names = new Map([
  ...coded(1, 29, 'T', 1), ...coded(40, 48, 'A', 1), ...coded(50, 55, 'A', 11), ...coded(70, 76, 'R', 1), ...coded(100, 119, 'C', 1),
  ...coded(130, 136, 'E', 1),
]);

/** Denials by number, with their codes. */
export const DENIALS: Names = new Map(Array.from({ length: 12 }, (_, index) => [index + 1, `D-1.${index + 1}`]));

/** The numbers of names. */
export function numbersOf(names: Names): ReadonlySet<number> {
  return new Set(names.keys());
}

function counted(from: number, names: readonly string[]): Names {
  return new Map(names.map((name, index) => [from + index, name]));
}

function coded(from: number, to: number, letter: string, first: number): Names {
  return new Map(Array.from({ length: to - from + 1 }, (_, index) => [from + index, `${letter}-${first + index}`]));
}
