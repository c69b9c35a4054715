-- Gives the running turn its steered letters, then the results of tasks. They enter the history in the same step, so that after a
-- crash they are either in the mailbox or in the history.
-- KEYS session mail letters known order history messages branched reply
-- ARGV sessionTtlMs replyTtlMs knownMax claim
-- RETURNS status letters...
-- USES format reply keep hint known history letter

local function take()
  local state, claim, logId, own, context =
    unpack(redis.call('HMGET', key.session, 'state', 'claim', 'logId', 'own', 'context'))
  if state ~= 'running' or claim ~= arg.claim then return { status = 'lost' } end
  local letters, ids = {}, redis.call('ZRANGEBYSCORE', key.mail, inBand('steer'))
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', key.mail, inBand('result'))) do
    table.insert(ids, id)
  end
  for _, id in ipairs(ids) do
    local record = unqueue(id)
    local letter = letterOf(record)
    if letter.messageId ~= '' then
      put(letter.messageId, letter.message)
      own = own .. letter.messageId .. '\n'
      know(letter.messageId, 'd', logId, letter.digest)
    end
    context = contextAfter(letter.context, context)
    know(id, 'd', logId)
    table.insert(letters, record)
  end
  redis.call('HSET', key.session, 'own', own, 'steer', '', 'context', context or '')
  noteBytes()
  hint('log')
  keep()
  return { status = 'taken', letters = letters }
end

return storedReply() or storeReply(take())
