-- Ends a turn and takes the next letter, in one step. A post either finds the turn running, and then this
-- script finds its letter, or it finds the session free and claims it. No letter is missed.
-- KEYS session mail letters known order history messages branches branched claims live abandoned schedules scheduled
-- KEYS tasks unfinishedTasks nestedTasks taskSpent removedTasks rootSession rootTasks rootTaskSpent log reply
-- ARGV sessionTtlMs replyTtlMs knownMax branchesMax branchedMax
-- ARGV instance agents claim lastId state error discard messageId message logTtlMs task unfinished spent...
-- RETURNS status isLeft claim logId resumed abandoned floor letter message size
-- USES format reply keep clock hint known history cut letter fence claim spend tree-spending note-spending size

local function commit(own, logId)
  if arg.discard == '1' then
    for id in string.gmatch(own, '([^\n]+)\n') do
      drop(id)
      bury(id, 'w')
    end
    drop(logId)
  elseif arg.messageId ~= '' then
    put(arg.messageId, arg.message)
  end
end

local function finish()
  local state, claim, logId, last, letterId, own =
    unpack(redis.call('HMGET', key.session, 'state', 'claim', 'logId', 'last', 'letterId', 'own'))
  if state ~= 'running' or claim ~= arg.claim then return { status = 'lost' } end
  if last ~= arg.lastId then return { status = 'behind' } end
  commit(own, logId)
  if arg.discard == '1' then bury(letterId, 'w') end
  redis.call('HSET', key.session, 'state', arg.state, 'error', arg.error)
  if arg.state == 'idle' then spend() end
  noteUnfinished(arg.unfinished)
  if arg.state == 'idle' and redis.call('EXISTS', key.live) == 1 then
    redis.call('RENAME', key.live, key.log)
    redis.call('PEXPIRE', key.log, arg.logTtlMs)
  end
  local reply = beginNext(arg.instance, arg.agents) or {}
  reply.status = reply.claim and 'claimed' or 'done'
  hint('log')
  noteBytes()
  keep()
  reply.size = sizeOf()
  return reply
end

return storedReply() or storeReply(finish())
