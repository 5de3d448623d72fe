package tui

import "fmt"

// keyHelp are all keys, for people.
func keyHelp() [][2]string {
	return [][2]string{
		{"Enter", "send"},
		{"Alt+Enter", "a new line in the message (also Ctrl+J)"},
		{"Tab", "complete a command, a name, a room"},
		{"Up Down", "what you wrote before"},
		{"Ctrl+N Ctrl+P", "next, previous conversation (also Alt+Down, Alt+Up)"},
		{"Alt+1 .. Alt+9", "conversation by number"},
		{"Alt+A", "next one with something unread"},
		{"PgUp PgDn", "scroll; Alt+< the beginning, Alt+> the end"},
		{"Alt+U", "the first unread message"},
		{"Ctrl+O", "pick a message: reply, edit, delete, react, details"},
		{"Alt+S", "search (also Ctrl+S)"},
		{"Alt+R", "requests of unknown people"},
		{"Alt+C", "contacts; v compares fingerprints"},
		{"Alt+I", "invite a friend, with QR code"},
		{"Alt+N", "how you are connected"},
		{"F2 F3", "conversations, members (F4 folds members away)"},
		{"Ctrl+A E B F", "begin, end, left, right; Alt+B Alt+F by words"},
		{"Ctrl+W U K Y", "cut word, to the begin, to the end; put back"},
		{"Ctrl+C", "clear the input; on an empty one, twice: quit"},
		{"Ctrl+L", "draw the screen again"},
		{"Ctrl+Z", "suspend; fg comes back"},
	}
}

// showHelp shows all keys and commands.
func (m *model) showHelp() {
	var text []string
	for _, k := range keyHelp() {
		text = append(text, fmt.Sprintf("%-15s %s", k[0], k[1]))
	}
	text = append(text, "")
	for _, c := range commands() {
		text = append(text, fmt.Sprintf("%-15s %s", "/"+c.name+" "+c.arg, c.help))
	}
	text = append(text,
		"//TEXT          send /TEXT as it is", "",
		"Your messages: [queued] nobody has it yet, [sent] handed to others,",
		"[held 2/5] 2 of 5 say that they hold it, [read] seen in private, [failed].",
		"Names: + here, = here and verified, - not here, * connected, ! means you.")
	m.read("Help", text...)
}
