-- Accepts a letter, and claims the session if it is free. It is one step: of many simultaneous posts, one
-- claims the session, and the others are in a queue that its owner reads.
-- KEYS session mail letters known order history messages branches branched claims live abandoned schedules scheduled
-- KEYS tasks unfinishedTasks nestedTasks taskSpent removedTasks rootTasks reply
-- ARGV sessionTtlMs replyTtlMs knownMax branchesMax branchedMax
-- ARGV instance agents tenant subject writer agent task isResult beginsNone whenBusy mailboxLimit mailboxBytesMax id cutAt digest edits key letter seed...
-- RETURNS status position steered as replyId claim logId resumed abandoned floor isLeft nextLetter nextMessage shared size
-- USES format reply keep clock hint known history cut letter fence claim create task member size

local tenant, state, logId, letterId, stop =
  unpack(redis.call('HMGET', key.session, 'tenant', 'state', 'logId', 'letterId', 'stop'))
-- A deleted session begins anew. Its mark keeps the last claim, and `begin` makes a greater one.
if state == 'deleted' then tenant, state = false, false end

-- Returns the place of an id that was posted before.
local function place()
  local unfinished = state ~= 'idle' and logId
  local flag, replyId = recall(arg.id)
  replyId = replyId or ''
  local queued = redis.call('HGET', key.letters, arg.id)
  if queued then return { status = 'known', as = 'queued', replyId = letterOf(queued).replyId } end
  if unfinished and (arg.id == letterId or arg.id == logId or replyId == logId) then
    return { status = 'known', as = 'running', replyId = logId }
  end
  if flag == 'w' then return { status = 'known', as = 'withdrawn', replyId = replyId } end
  if flag == 'c' then return { status = 'known', as = 'cut', replyId = replyId } end
  if flag or redis.call('HEXISTS', key.messages, arg.id) == 1 then
    return { status = 'known', as = 'done', replyId = replyId }
  end
end

-- Returns whether the id was posted with other content.
local function isTaken(id)
  local _, _, digest = recall(id)
  return (digest or '') ~= '' and arg.digest ~= '' and digest ~= arg.digest
end

local function knownReply()
  return isTaken(arg.id) and { status = 'taken' } or place()
end

-- Returns whether the message at which the letter cuts exists now, or will exist when the running turn ends.
local function hasPlace()
  if arg.cutAt == '' or (state and state ~= 'idle' and arg.cutAt == logId) then return true end
  for index = 1, #arg.seed, 2 do
    if not tenant and arg.seed[index] == arg.cutAt then return true end
  end
  return redis.call('HEXISTS', key.messages, arg.cutAt) == 1
end

local function bandOf(letter)
  if arg.isResult == '1' then return 'result' end
  if letter.kind == 'answer' then return 'answer' end
  if arg.whenBusy == 'interrupt' or arg.whenBusy == 'rollback' then return 'urgent' end
  if arg.whenBusy ~= 'steer' or arg.cutAt ~= '' then return 'message' end
  -- A turn that stops takes no steered letters any more. The letter is next, after the one that stopped it.
  return (stop and stop ~= '') and 'urgent' or 'steer'
end

-- Notes a letter that does not wait for the end of the turn. The owner reads the note.
local function intend(band)
  if isForTurn(band) then
    redis.call('HSET', key.session, 'steer', '1')
    return hint('intents')
  end
  if arg.whenBusy == 'rollback' then redis.call('HSET', key.session, 'stop', 'discard') end
  if arg.whenBusy == 'interrupt' and (not stop or stop == '') then
    redis.call('HSET', key.session, 'stop', 'keep')
  end
  hint('intents')
end

-- Returns whether the letter makes the mailbox larger than its limit of bytes. It takes the place of the letter
-- with the same id. A letter that would wait alone always fits, and a result has the limits of its tree.
local function isTooLarge()
  local max = tonumber(arg.mailboxBytesMax)
  if not max or arg.isResult == '1' then return false end
  local others = 0
  for _, id in ipairs(redis.call('HKEYS', key.letters)) do
    if id ~= arg.id then others = others + redis.call('HSTRLEN', key.letters, id) end
  end
  return others > 0 and others + #arg.letter > max
end

-- A result waits like any letter while a message waits for an answer, and behind letters that a stop held.
local function enqueue(letter)
  local isResult, running = arg.isResult == '1', state == 'running'
  if arg.whenBusy == 'reject' and letter.kind == 'message' and not isResult then
    return { status = 'busy' }
  end
  local isFull = redis.call('ZCARD', key.mail) >= tonumber(arg.mailboxLimit) or isTooLarge()
  if isFull then return { status = 'full' } end
  local band = bandOf(letter)
  queue(arg.id, arg.letter, band)
  know(arg.id, 'd', letter.replyId, arg.digest)
  if not isResult then redis.call('HDEL', key.session, 'held') end
  if running and (isForTurn(band) or band == 'urgent') then intend(band) end
  hint('log')
  local position = redis.call('ZRANK', key.mail, arg.id)
  return { status = 'queued', position = position, steered = running and isForTurn(band) }
end

-- Returns whether letters that a stop held come first. They do, except for a letter that does not wait.
local function isBehindHeld(letter)
  return tenant and redis.call('ZCARD', key.mail) > 0 and letter.kind == 'message'
    and arg.cutAt == '' and (arg.whenBusy == 'queue' or arg.whenBusy == 'steer')
end

-- Begins the turn of the first letter, which may be this letter.
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

-- Another letter leaves the mailbox in the same step, so this one never exceeds its number of letters.
local function runBefore(letter)
  queue(arg.id, arg.letter, 'message')
  know(arg.id, 'd', letter.replyId, arg.digest)
  return runFirst()
end

-- Replaces the waiting letter that has the same id, and ends a hold.
local function replace(before, letter)
  if before.kind ~= 'message' or before.cutAt ~= '' or before.replyId ~= letter.replyId then
    return { status = 'moved' }
  end
  local running = state == 'running'
  if running and arg.whenBusy == 'reject' then return { status = 'busy' } end
  if isTooLarge() then return { status = 'full' } end
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
  redis.call('HSET', key.session, 'steer', hasSteered() and '1' or '')
  if to ~= 'message' then intend(to) end
  hint('log')
  return { status = 'queued', position = redis.call('ZRANK', key.mail, arg.id), steered = isSteered(arg.id) }
end

-- Applies an edit whose message is not in the history. Returns nil if the letter is a new message.
local function edit(letter)
  if arg.key ~= '' and recall(arg.key) then
    if isTaken(arg.key) then return { status = 'taken' } end
    -- The same edit was posted before.
    local before = place()
    if before then return before end
  end
  local queued = redis.call('HGET', key.letters, arg.id)
  if queued then return replace(letterOf(queued), letter) end
  if not place() or recall(arg.id) == 'w' then return nil end
  return { status = 'moved' }
end

local function post()
  if isNoTask() then return { status = 'gone' } end
  if arg.beginsNone == '1' and not tenant then return { status = 'gone' } end
  if tenant and isForeign(tenant) then return { status = 'foreign' } end
  -- Another version of Loom stored this state. A turn would destroy its meaning.
  if tenant and state ~= 'idle' and state ~= 'running' and state ~= 'waiting' then
    return { status = 'unknown' }
  end
  local letter = letterOf(arg.letter)
  local edits = arg.edits == '1'
  local reply
  if tenant and edits then reply = edit(letter) end
  if tenant and not edits then reply = knownReply() end
  if reply and reply.status ~= 'claimed' and reply.status ~= 'queued' then return reply end
  if not reply then
    local refused = letter.kind == 'answer'
      and (not tenant or state == 'idle' or letter.replyId ~= logId)
    if refused or not hasPlace() then return { status = 'refused' } end
    if not tenant then create() end
    local waits = arg.isResult == '1' and (state == 'waiting' or redis.call('ZCARD', key.mail) > 0)
    if state == 'running' or waits then
      reply = enqueue(letter)
    elseif isBehindHeld(letter) and isTooLarge() then
      reply = { status = 'full' }
    else
      redis.call('HDEL', key.session, 'held')
      if isBehindHeld(letter) then reply = runBefore(letter) end
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
  if accepted then noteForm(letter.message) end
  redis.call('HSET', key.session, 'updated', now())
  noteBytes()
  keep()
  if accepted then reply.size = sizeOf() end
  reply.shared = redis.call('HGET', key.session, 'shared')
  return reply
end

return storedReply() or storeReply(post())
