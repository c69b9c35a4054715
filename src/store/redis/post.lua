-- Accepts a letter, and claims the session where it is free. One step: of many posts at once one
-- claims, and the others stand in a queue that somebody will look at.
-- KEYS session mail letters known order history messages branches branched claims live abandoned reply
-- ARGV sessionTtlMs replyTtlMs knownMax branchesMax branchedMax
-- ARGV instance agents tenant agent whenBusy mailboxLimit id cutAt digest edits key letter seed...
-- RETURNS status position steered as replyId claim logId resumed abandoned floor isLeft nextLetter nextMessage
-- USES reply keep clock hint known history cut letter fence claim create

local tenant, state, logId, letterId, stop =
  unpack(redis.call('HMGET', key.session, 'tenant', 'state', 'logId', 'letterId', 'stop'))
-- What was deleted begins anew; of what it was the mark keeps the last claim, which `begin` exceeds.
if state == 'deleted' then tenant, state = false, false end

-- Where an id that was posted before is now.
local function place()
  local unfinished = state ~= 'idle' and logId
  local flag, replyId = recall(arg.id)
  replyId = replyId or ''
  local queued = redis.call('HGET', key.letters, arg.id)
  if queued then return { status = 'known', as = 'queued', replyId = opened(queued).replyId } end
  if unfinished and (arg.id == letterId or arg.id == logId or replyId == logId) then
    return { status = 'known', as = 'running', replyId = logId }
  end
  if flag == 'w' then return { status = 'known', as = 'withdrawn', replyId = replyId } end
  if flag == 'c' then return { status = 'known', as = 'cut', replyId = replyId } end
  if flag or redis.call('HEXISTS', key.messages, arg.id) == 1 then
    return { status = 'known', as = 'done', replyId = replyId }
  end
end

-- Whether something else was posted under the id.
local function taken(id)
  local _, _, digest = recall(id)
  return (digest or '') ~= '' and arg.digest ~= '' and digest ~= arg.digest
end

local function known()
  return taken(arg.id) and { status = 'taken' } or place()
end

-- Where the letter is to cut, there must be something to cut: now, or when the running turn is done.
local function placed()
  if arg.cutAt == '' or (state and state ~= 'idle' and arg.cutAt == logId) then return true end
  for index = 1, #arg.seed, 2 do
    if not tenant and arg.seed[index] == arg.cutAt then return true end
  end
  return redis.call('HEXISTS', key.messages, arg.cutAt) == 1
end

local function bandOf(letter)
  if letter.kind == 'answer' then return 'answer' end
  if arg.whenBusy == 'interrupt' or arg.whenBusy == 'rollback' then return 'urgent' end
  if arg.whenBusy ~= 'steer' or arg.cutAt ~= '' then return 'message' end
  -- A turn that stops takes no steering any more: the letter is next after what stopped it.
  return (stop and stop ~= '') and 'urgent' or 'steer'
end

local function intend(band)
  if band == 'steer' then redis.call('HSET', key.session, 'steer', '1') end
  if arg.whenBusy == 'rollback' then redis.call('HSET', key.session, 'stop', 'discard') end
  if arg.whenBusy == 'interrupt' and (not stop or stop == '') then
    redis.call('HSET', key.session, 'stop', 'keep')
  end
  hint('intents')
end

local function enqueue(letter)
  if arg.whenBusy == 'reject' and letter.kind == 'message' then return { status = 'busy' } end
  if redis.call('ZCARD', key.mail) >= tonumber(arg.mailboxLimit) then return { status = 'full' } end
  local band = bandOf(letter)
  queue(arg.id, arg.letter, band)
  know(arg.id, 'd', letter.replyId, arg.digest)
  redis.call('HDEL', key.session, 'held')
  if band == 'steer' or band == 'urgent' then intend(band) end
  hint('log')
  local position = redis.call('ZRANK', key.mail, arg.id)
  return { status = 'queued', position = position, steered = band == 'steer' }
end

-- Letters that a stop held come first, but for one that does not wait for others.
local function goesBehind(letter)
  return tenant and redis.call('ZCARD', key.mail) > 0 and letter.kind == 'message'
    and arg.cutAt == '' and (arg.whenBusy == 'queue' or arg.whenBusy == 'steer')
end

-- Begins the first letter's turn, which may be this one's.
local function runFirst()
  local reply = beginNext(arg.instance, arg.agents) or {}
  if reply.claim and redis.call('HGET', key.session, 'letterId') == arg.id then
    reply.status = 'claimed'
    return reply
  end
  reply.status, reply.nextLetter, reply.nextMessage = 'queued', reply.letter, reply.message
  reply.position = redis.call('ZRANK', key.mail, arg.id) or 0
  hint('log')
  return reply
end

-- It makes room, so this letter is never one too many.
local function runBefore(letter)
  queue(arg.id, arg.letter, 'message')
  know(arg.id, 'd', letter.replyId, arg.digest)
  return runFirst()
end

-- Puts the letter in the place of the one with its id, which waits, and ends a hold.
local function replace(before, letter)
  if before.kind ~= 'message' or before.cutAt ~= '' or before.replyId ~= letter.replyId then
    return { status = 'moved' }
  end
  local running = state == 'running'
  if running and arg.whenBusy == 'reject' then return { status = 'busy' } end
  local waits = arg.whenBusy == 'queue' or (arg.whenBusy == 'steer' and not running)
  local to = waits and 'message' or (running and bandOf(letter) or 'urgent')
  if to == 'message' then
    redis.call('HSET', key.letters, arg.id, arg.letter)
  else
    queue(arg.id, arg.letter, to)
  end
  know(arg.id, 'd', letter.replyId, arg.digest)
  redis.call('HDEL', key.session, 'held')
  if not running then return runFirst() end
  redis.call('HSET', key.session, 'steer', steering() and '1' or '')
  if to ~= 'message' then intend(to) end
  hint('log')
  return { status = 'queued', position = redis.call('ZRANK', key.mail, arg.id), steered = isSteered(arg.id) }
end

-- What an edit does where its message is not in the history. Returns nil where it is a new message.
local function edit(letter)
  if arg.key ~= '' and recall(arg.key) then
    if taken(arg.key) then return { status = 'taken' } end
    -- This very edit was posted before.
    local before = place()
    if before then return before end
  end
  local queued = redis.call('HGET', key.letters, arg.id)
  if queued then return replace(opened(queued), letter) end
  if not place() or recall(arg.id) == 'w' then return nil end
  return { status = 'moved' }
end

local function post()
  if tenant and tenant ~= arg.tenant then return { status = 'foreign' } end
  -- Another version of Loom stored this: to begin on it would destroy what it means.
  if tenant and state ~= 'idle' and state ~= 'running' and state ~= 'waiting' then
    return { status = 'unknown' }
  end
  local letter = opened(arg.letter)
  local edits = arg.edits == '1'
  local reply
  if tenant and edits then reply = edit(letter) end
  if tenant and not edits then reply = known() end
  if reply and reply.status ~= 'claimed' and reply.status ~= 'queued' then return reply end
  if not reply then
    local refused = letter.kind == 'answer'
      and (not tenant or state == 'idle' or letter.replyId ~= logId)
    if refused or not placed() then return { status = 'refused' } end
    if not tenant then create() end
    if state == 'running' then
      reply = enqueue(letter)
    else
      redis.call('HDEL', key.session, 'held')
      if goesBehind(letter) then reply = runBefore(letter) end
    end
  end
  if not reply then
    if letter.cutAt ~= '' and redis.call('HEXISTS', key.messages, letter.cutAt) == 0 then
      letter.cutAt = ''
    end
    reply = begin(arg.id, letter, arg.instance)
    reply.status = 'claimed'
  end
  local accepted = reply.status == 'claimed' or reply.status == 'queued'
  if accepted and edits and arg.key ~= '' then know(arg.key, 'd', letter.replyId, arg.digest) end
  redis.call('HSET', key.session, 'updated', now())
  keep()
  return reply
end

return answered() or answer(post())
