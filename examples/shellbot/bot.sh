#!/bin/sh
# Answers "!ping" with "pong": bot.sh CONVERSATION...
p2pchat tail --json "$@" | while IFS= read -r line; do
	case $line in
	*',"old":true'*) ;; # said before this node came
	'{"type":"message",'*',"text":"!ping","mine":false'*)
		conversation=${line#*'"conversation":'} id=${line#*'"id":"'}
		printf '{"conversation":%s,"reply_to":"%s","text":"pong"}\n' "${conversation%%',"id":'*}" "${id%%\"*}" ;;
	esac
done | p2pchat send --json -
