// RxDB's schema of the documents, with the index that its sorted query needs.
export const SCHEMA = {
  version: 0,
  primaryKey: 'id',
  type: 'object',
  properties: {
    id: { type: 'string', maxLength: 40 },
    title: { type: 'string' },
    state: { type: 'string', maxLength: 8 },
    owner: { type: 'string', maxLength: 16 },
    priority: { type: 'integer' },
    note: { type: 'string' },
    at: { type: 'string', maxLength: 32 },
  },
  required: ['id', 'title', 'state', 'owner', 'priority', 'note', 'at'],
  indexes: [['state', 'at']],
};
