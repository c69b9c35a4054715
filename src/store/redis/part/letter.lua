-- The stored form of a letter: the fields that scripts read, one on each line, then the letter without its
-- message as JSON, then the message as JSON. JSON contains no line ends.

-- The JSON begins with the name of the agent, the context (base64), the digest and the title of the session
-- (base64), encoded so that they contain no quotation mark. Letters of earlier versions lack them.
local function letterOf(record)
  local letter = {}
  letter.kind, letter.replyId, letter.cutAt, letter.messageId, letter.body, letter.message =
    string.match(record, '^(%l+)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n(.*)$')
  letter.agent = string.match(letter.body or '', '^{"agent":"([^"]*)"') or ''
  letter.digest = string.match(letter.body or '',
    '^{"agent":"[^"]*","context":"[^"]*","digest":"([^"]*)"') or ''
  letter.title = string.match(letter.body or '',
    '^{"agent":"[^"]*","context":"[^"]*","digest":"[^"]*","title":"([^"]*)"') or ''
  letter.context = string.match(letter.body or '', '^{"agent":"[^"]*","context":"([^"]*)"') or ''
  return letter
end

-- The context of a turn whose letter brings `context`, after `before` (both base64). The server's part follows
-- the client's part after a full stop. A letter that brings only a server's part keeps the client's part.
local function contextAfter(context, before)
  if context == '' then return before end
  if string.sub(context, 1, 1) ~= '.' then return context end
  return string.match(before or '', '^[^.]*') .. context
end

-- The mailbox is ordered by band, then by arrival.
local band = { answer = 0, steer = 1, urgent = 2, message = 3, result = 4 }
local bandWidth = 1e12

local function inBand(name)
  return band[name] * bandWidth, '(' .. string.format('%.0f', (band[name] + 1) * bandWidth)
end

local function queue(id, record, name)
  local arrival = redis.call('HINCRBY', key.session, 'arrivals', 1)
  redis.call('HSET', key.letters, id, record)
  redis.call('ZADD', key.mail, string.format('%.0f', band[name] * bandWidth + arrival), id)
end

-- Returns the stored letter, or false if the mailbox lacks it.
local function unqueue(id)
  if redis.call('ZREM', key.mail, id) == 0 then return false end
  local record = redis.call('HGET', key.letters, id)
  redis.call('HDEL', key.letters, id)
  return record
end

-- Whether the letters of a band go to the turn that runs.
local function isForTurn(name) return name == 'steer' or name == 'result' end

local function hasSteered()
  return redis.call('ZCOUNT', key.mail, inBand('steer')) > 0
    or redis.call('ZCOUNT', key.mail, inBand('result')) > 0
end

local function hasBand(id, name)
  local score = tonumber(redis.call('ZSCORE', key.mail, id))
  return score ~= nil and math.floor(score / bandWidth) == band[name]
end

local function isSteered(id) return hasBand(id, 'steer') or hasBand(id, 'result') end
