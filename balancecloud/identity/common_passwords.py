"""What many people choose. Such words with digits and signs around them are guessed first."""

from typing import Final

_LISTED: Final = """
password passwort passw0rd p@ssword p@ssw0rd pa55word pass passe passpass passphrase passcode
passwordpassword mypassword newpassword yourpassword thepassword adminpassword userpassword
motdepasse contrasena contraseña senha parola wachtwoord haslo geheim geheimnis secret
topsecret secretsecret mysecret changeme changeit changemenow letmein letmeinnow letmeinplease
openup opensesame welcome welcomeback welcomehome willkommen bienvenue bienvenido hello
helloworld hellohello hallo hallohallo bonjour goodmorning goodbye admin adminadmin
administrator administrador administrateur root rootroot toor superuser sysadmin user useruser
username guest guestguest test testtest testing tester testuser demo demodemo example default
qwerty qwertyqwerty qwertyuiop qwertyuiopas qwertyuiopasdf qwertz qwertzuiop azerty
azertyuiop asdf asdfasdf asdfgh asdfghjkl asdfghjklqwe zxcv zxcvbn zxcvbnm zxcvzxcv
qazwsx qazwsxedc qazwsxedcrfv wsxedc qweasd qweasdzxc qwaszx abc abcabc abcd abcdef abcdefg
abcdefgh abcdefghi abcdefghij abcdefghijkl aaaa abcabcabc alphabet xyz foobar foobarbaz
iloveyou iloveyouso iloveyousomuch ilovemyself ilovegod ilovejesus ilovemymom ilovemydog
iloveme loveyou lovelove lover mylove teamo tequiero jetaime ichliebedich forever
foreverandever always friends bestfriends bestfriend family myfamily sunshine mysunshine
princess prinzessin princesse angel babygirl babyboy sweetheart sweetie beautiful
butterfly flower flowers chocolate cookie cookies cheese banana strawberry pumpkin cupcake
pepper orange dragon dragonball unicorn monkey tiger lion panther eagle dolphin kitten
kitty hellokitty doggy puppy buddy bailey charlie maggie ginger shadow tinkerbell pokemon
pikachu starwars startrek superman batman spiderman wonderwoman ironman avengers
harrypotter gandalf skywalker naruto mickeymouse matrix terminator minecraft fortnite
football baseball basketball softball soccer hockey tennis golf liverpool arsenal chelsea
barcelona realmadrid manchester manchesterunited juventus bayern bayernmunich yankees
lakers cowboys steelers patriots michael jordan michaeljordan jessica jennifer ashley
amanda andrea daniel daniela thomas matthew anthony alexander alexandra nicole michelle
stephanie christian christopher jonathan joshua andrew robert william elizabeth patricia
computer computers internet google facebook instagram youtube whatsapp microsoft windows
apple iphone samsung android linux ubuntu github dropbox onedrive googledrive balancecloud
cloud mycloud cloudstorage storage backup server database network wireless
summer winter spring autumn january february march april june july august september october
november december monday tuesday wednesday thursday friday saturday sunday sommer herbst
fruehling fruhling ete hiver verano invierno christmas easter halloween birthday
america usa england london paris berlin newyork california texas germany deutschland france
espana mexico brasil canada australia india pakistan china russia
master masterkey mustang ferrari porsche mercedes corvette harley yamaha trustno jesus
jesuschrist jesuslovesme godisgood godislove blessed heaven hallelujah freedom liberty peace
money moneymoney million millionaire success winner champion killer hunter ranger ninja
samurai warrior soldier pirate phoenix thunder lightning blacksabbath metallica nirvana
slipknot blink whatever nothing something nobody everything fuckyou fuckoff fuckme
asshole bullshit biteme access accessdenied login loginlogin signin signup please
correcthorsebatterystaple
"""
WORDS: Final = frozenset(_LISTED.split())
