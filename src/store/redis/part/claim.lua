-- Makes an instance the owner of the next turn of a session.

-- The first message of the history names the session. A later one does so only if no message had a text.
local function nameSession(title)
  if title == '' then return end
  local isFirst = redis.call('LLEN', key.history) == 1
  if isFirst or (redis.call('HGET', key.session, 'title') or '') == '' then
    redis.call('HSET', key.session, 'title', title)
  end
end

-- A message begins a log, an answer continues the waiting one. Returns the fields of the claim.
local function begin(id, letter, instance)
  local state, before, logId, abandoned, own, floor, context, turnContext =
    unpack(redis.call('HMGET', key.session, 'state', 'claim', 'logId', 'abandoned', 'own', 'floor',
      'context', 'turnContext'))
  local time = now()
  local cutInto = ''
  if letter.kind == 'message' then
    if state == 'waiting' and redis.call('EXISTS', key.live) == 1 then
      redis.call('RENAME', key.live, key.abandoned)
      abandoned = logId
    end
    logId, own, floor, turnContext = letter.replyId, '', '', context
    if letter.cutAt ~= '' then cutInto = cut(letter.cutAt, time) end
    if letter.messageId ~= '' then
      put(letter.messageId, letter.message)
      own = letter.messageId .. '\n'
      nameSession(letter.title)
      if letter.messageId ~= id then know(letter.messageId, 'd', logId, letter.digest) end
    end
  end
  turnContext = contextAfter(letter.context, turnContext)
  if letter.context ~= '' then context = contextAfter(letter.context, context) end
  know(id, 'd', logId, letter.digest)
  local claim = nextClaim(before)
  redis.call('HSET', key.session, 'state', 'running', 'claim', claim, 'owner', instance,
    'logId', logId, 'letterId', id, 'letter', letter.body, 'letterMessage', letter.messageId,
    'last', fence(claim, logId), 'started', time, 'floor', floor or '', 'stop', '', 'error', '',
    'takeovers', '', 'abandoned', abandoned or '', 'own', own or '', 'cutInto', cutInto,
    'steer', hasSteered() and '1' or '', 'turnAgent', letter.agent,
    'context', context or '', 'turnContext', turnContext or '')
  raiseFormat(format)
  hint('log')
  return {
    claim = claim, logId = logId, resumed = letter.kind == 'answer', abandoned = abandoned,
    floor = floor, letter = letter.body, message = letter.message,
  }
end

-- `agents` has one name on each line, with a line end before and after each. '' stands for all agents.
local function has(agents, agent)
  return agents == '' or agent == '' or string.find(agents, '\n' .. agent .. '\n', 1, true) ~= nil
end

-- Takes the next letter whose place in the history still exists. Returns the fields of the claim, or nil.
-- If the agent is none of `agents`, the turn begins for any instance that has it (`handedOver` in
-- `store/turn.ts`). After a stop that holds the queue, only answers to a waiting message continue.
local function beginNext(instance, agents)
  local state, logId, held = unpack(redis.call('HMGET', key.session, 'state', 'logId', 'held'))
  while true do
    local id = redis.call('ZRANGE', key.mail, 0, 0)[1]
    if not id then
      redis.call('HDEL', key.session, 'held')
      return nil
    end
    -- A result waits until the message that waits for an answer is finished or abandoned.
    if state == 'waiting' and hasBand(id, 'result') then return nil end
    local letter = letterOf(redis.call('HGET', key.letters, id))
    if held and letter.kind ~= 'answer' then return nil end
    unqueue(id)
    local placed = letter.cutAt == '' or redis.call('HEXISTS', key.messages, letter.cutAt) == 1
    if letter.kind == 'answer' then placed = state == 'waiting' and letter.replyId == logId end
    if placed then
      if has(agents, letter.agent) then return begin(id, letter, instance) end
      begin(id, letter, 'handed-over:' .. instance)
      return { isLeft = '1' }
    end
    bury(id, 'c')
  end
end
