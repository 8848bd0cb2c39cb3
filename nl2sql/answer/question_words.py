"""The words of questions, in seven languages: those that are not about data, and those of calculations.

Short lists of common words; no grammar. The words of a question in another language are compared as they are.
"""

from __future__ import annotations

import re
from typing import Final

from nl2sql.schema.value_index import fold_text

_STOP: Final = {
    "en": """a about above according across actual actually add added adding after again against ago all along already
    also although always am among an and any anyone anything appear approximately are around as ask at attend attended
    available away back base based be because become been before began begin being belong below beside besides between
    both bought bring brought but buy buys by calculate calculated calculating call called came can carry case certain
    column columns come compare compared comparison compute computed consider consist consists contain containing
    corresponding could count counted counting current currently data database decimal decimals describe described
    detail details determine did didn directly display divided do does doesn doing don done down due during each earn
    earned either else employ employed end ended ending entire entry ever every exactly exclude excluded excluding
    exist existing extract fact false far few field figure figures find following follows for format found from full
    further gave get give given gives go goes going gone got group grouped had happen has have having he held help her
    here him his hold holds how however i id identify ids if ignore ignored ignoring in include included including
    indicate individual information instead integer integers into involve involved is isn it item items its itself
    join joined joining just keep keeping kept kind kindly know known last lasted lead leading leads leave leaving led
    left let letter lie lies like list listed live lives living located location look made make making many match
    matching me mean meaning means measure mention mentioned method might mine mr mrs much must my name named namely
    names need no none nor not note now number numbers occur occurred occurs of off offer often ok on once one ones
    only onto or ordered other others our out output over overall own owned owns part particular parts people per
    person place placed please possible present print provide provided purchase purchased purchases put question quite
    ran range rather reach receive received receives record recorded records refer regard related report require
    required requires respective respectively result results return returns round rounded row rows run said same say
    says scored see seen select sell selling sells separate serve served serves serving set several shall she should
    show shown shows side since single sit sits sitting situated so sold some someone something sort sorted specific
    specified spend spends spent state still string struct such sum summed table tables take taken taking tell text
    than that the their them then there these they thing things this those though through thus tie ties to together
    too took toward true type types under unique until up upon us use used user using value values various very via
    want was wasn way we well went were weren what whatever when where whether which while who whole whom whose why
    will win wins wish with within won word words work working would year yes yet you your getting considering sure
    char json property properties""",
    "de": """aber alle allem allen aller alles als also am an andere anderen auch auf aus bei beim bekommen bin bis
    bist bitte da dabei dadurch damit dann daran darauf daraus darin das dass davon dazu dein dem den denen denn der
    deren des deshalb dessen dich die dies diese diesem diesen dieser dieses dir doch dort du durch ein eine einem
    einen einer eines einige er es etwas euch euer finde findet für gab gebe geben gegen gehabt geht gehört gemacht
    gern gewesen gib gibt hab habe haben hast hat hatte hatten her hier hin ich ihm ihn ihnen ihr ihre ihrem ihren
    ihrer im in indem ins insgesamt ist ja jede jedem jeden jeder jedes jene kam kann kannst kein keine keinen können
    könnte liegen liegt liste machen macht man mein meine mich mir mit muss nach name namen namens nenne nennen nenn
    nicht nichts noch nun nur ob oder ohne pro sehr sein seine seinem seinen seiner seit sich sie sind so solche soll
    sollte sortiert sowie steht stehen über um und uns unser unsere unter viel viele vom von vor wann war waren warum
    was wegen weil welche welchem welchen welcher welches wem wen wenn wer werden wessen wie wieder wir wird wo wurde
    wurden zeig zeige zeigen zu zum zur zusammen zwischen""",
    "fr": """a afin ai ainsi alors après as au aucun aussi autre autres aux avant avec avez avoir ayant bien car ce
    cela celle celles celui ces cet cette ceux chaque chez combien comme comment d dans de depuis des donne donner
    donnez du elle elles en encore entre est et étaient était étant été être eu eux fait faire faut il ils j je jusque
    l la laquelle le lequel les lesquelles lesquels leur leurs liste lister listez lors lui ma mais me même mes moi
    mon montre montrer montrez n ne ni nom nommés noms non nos notre nous on ont ou où par parmi pas pendant peut plus
    pour pourquoi prix puis qu quand que quel quelle quelles quels qui quoi s sa sans se sera ses si son sont sous sur
    ta te tes toi ton tous tout toute toutes très trouve trouver trouvez tu un une va vers voici voir vos votre vous
    y""",
    "es": """a al algo algún alguna algunas alguno algunos ante antes así aún aunque bajo cada como cómo con contra
    cual cuál cuales cuáles cualquier cuando cuándo cuanta cuánta cuantas cuántas cuanto cuánto cuantos cuántos da
    dame de del desde donde dónde dos durante e el él ella ellas ellos en encuentra entre era eran es esa esas ese eso
    esos esta está están estas este esto estos fue fueron ha haber había han hasta hay hemos hizo la las le les lista
    listar lo los más me mi mis mismo mostrar muestra muestre muy nada ni no nombre nombres nos nosotros nuestra
    nuestro o otra otras otro otros para pero por porque pues que qué quien quién quienes se sea según ser si sí sin
    sobre son su sus también tan tanto te tener tengo ti tiene tienen todo todos tu tus un una unas uno unos usted y
    ya yo""",
    "it": """a ad agli ai al alla alle allo anche avere aveva c che chi ci ciascun ciascuna ciò come con così cui da
    dai dal dalla dalle dammi dei del della delle dello dentro di dove due e ed egli elenca elenco era erano essere fa
    fra gli ha hai hanno ho i il in io l la le lei li lo loro lui ma me mi mia mio molto mostra mostrami ne nei nel
    nella nelle nessun nome nomi non nostro o ogni ognuno per perché più poi prima quale quali quando quanta quante
    quanti quanto quella quelle quelli quello questa queste questi questo qui sa se sei senza si sia siamo sono sopra
    sotto sta stato su sua sue sui sul sulla suo suoi te ti tra trova tu tutte tutti tutto un una uno vi voi vostro""",
    "pt": """a à ao aos as às até cada com como da das de dê dela dele deles depois do dos e é ela elas ele eles em
    entre era eram essa essas esse esses esta está estão este estes eu foi foram há isso isto já lhe lista listar
    liste lo mais mas me mesmo meu minha mostra mostrar mostre muito na não nas nem no nome nomes nos nós nossa nosso
    num numa o onde os ou para pela pelas pelo pelos por porque qual quais qualquer quando quanta quantas quanto
    quantos que quê quem se seja sem ser será seu seus só sob sobre sua suas também tem têm tenho ter teve todas todo
    todos tu um uma umas uns você""",
    "nl": """aan al alle alles als altijd ander andere ben bij da dan dat de der deze die dit doch doen door dus een
    eens elk elke en er ge geef geen geweest haar had heb hebben heeft hem hen het hier hij hoe hoeveel hun iets ik in
    is ja je kan kon kunnen laat lijst maar me meer men met mij mijn moet na naam naar namen niet niets nog nu of om
    omdat onder ons onze ook op over per reeds te tegen toch toen toon tot u uit uw van veel voor vind want waren was
    wat waar welke werd werden wie wij wil worden wordt zal ze zelf zich zij zijn zo zonder zou""",
}
_CONCEPTS: Final = {
    "average": """average mean typical typically durchschnitt durchschnittlich durchschnittliche durchschnittlichen
    mittel mittlere moyenne moyen moyens promedio media medio medie média médio gemiddeld gemiddelde""",
    "extreme": """most least highest lowest largest smallest biggest greatest maximum minimum max min best worst top
    bottom first last latest newest oldest earliest youngest longest shortest cheapest dearest expensive fastest
    slowest heaviest lightest tallest more fewer fewest less common frequent popular recent recently leading peak
    record höchste höchsten niedrigste größte größten kleinste meisten wenigsten beste besten schlechteste neueste
    älteste teuerste teuersten billigste längste kürzeste erste letzte letzten plus moins meilleur meilleure pire
    premier première dernier dernière grand grande petit petite élevé élevée cher chère mayor menor máximo mínimo
    mejor peor primero primer última último más menos maggiore minore massimo minimo migliore peggiore primo ultimo
    ultima più meno maior melhor pior primeiro meeste minste hoogste laagste grootste slechtste eerste laatste
    nieuwste duurste goedkoopste""",
    "share": """percent percentage share ratio rate proportion fraction prozent prozentsatz anteil quote pourcentage
    part taux porcentaje proporción tasa percentuale quota tasso porcentagem percentual proporção taxa aandeel""",
    "count": """count many number times often anzahl häufig wieviele zahl nombre combien cantidad número cuántos
    numero quanti quantidade quantos aantal hoeveel frequency""",
    "sum": """total totals sum overall altogether combined amount gesamt gesamte summe insgesamt totale somme totaal
    suma soma importo montant betrag""",
    "difference": """difference differ minus gap growth grow grew grown change changed increase decrease rise fall
    rising develop developed differenz unterschied wachstum veränderung différence croissance évolution diferencia
    crecimiento differenza crescita diferença crescimento verschil groei profit margin""",
    "distinct": """different distinct unique various verschiedene verschiedenen unterschiedliche différents
    différentes diferentes distintos diversi diverse differenti verschillende""",
    "negation": """not never no without none nobody missing neither except excluding exclude unless nicht nie ohne
    kein keine niemals außer jamais sans aucun aucune sauf nunca sin ningún ninguna excepto mai senza nessun tranne
    sem nenhum exceto nooit zonder geen behalve""",
    "order": """order sorted sort ascending descending alphabetical alphabetically rank ranked ranking chronological
    sortiert geordnet absteigend aufsteigend reihenfolge trié triés croissant décroissant ordre ordenado ordenados
    ascendente descendente ordinato crescente decrescente gesorteerd oplopend aflopend""",
    "compare": """more less fewer least above below over under exceed exceeds exceeding between greater older younger
    higher lower larger smaller longer shorter earlier later before after since until equal threshold mindestens
    höchstens über unter zwischen älter jünger größer kleiner mehr weniger supérieur inférieur entre mayor menor
    superior inferior maggiore inferiore superiore meer minder ouder jonger""",
    "time": """annual year years yearly annually month months monthly week weeks weekly day days daily quarter
    quarters quarterly hour hours hourly date dates time century decade jahr jahre jahren jährlich monat monate
    monaten monatlich woche wochen tag tage tagen täglich quartal datum stunde année années an ans annuel mois mensuel
    semaine semaines jour jours quotidien trimestre heure año años anual mes meses mensual semana semanas día días
    diario fecha anno anni mese mesi settimana giorno giorni data ano anos mês dia dias jaar jaren maand maanden dag
    dagen ago""",
    "running": """cumulative running accumulated kumuliert kumulierte cumulé acumulado cumulativo cumulatief""",
}
_NUMBERS: Final = {
    1: "one first single once ein eine eins un une uno una um uma een",
    2: "two second twice zwei deux dos due dois duas twee",
    3: "three third thrice drei trois tres tre três drie",
    4: "four fourth vier quatre cuatro quattro quatro",
    5: "five fifth fünf cinq cinco cinque vijf",
    6: "six sixth sechs seis sei zes",
    7: "seven seventh sieben sept siete sette sete zeven",
    8: "eight eighth acht huit ocho otto oito",
    9: "nine ninth neun neuf nueve nove negen",
    10: "ten tenth zehn dix diez dieci dez tien",
    12: "twelve dozen zwölf douze doce dodici twaalf",
    15: "fifteen fünfzehn quinze quince quindici vijftien",
    20: "twenty zwanzig vingt veinte venti vinte twintig",
    50: "fifty fünfzig cinquante cincuenta cinquanta cinquenta vijftig",
    100: "hundred hundert cent cien cento cem honderd",
    1000: "thousand tausend mille mil mila duizend",
}
_MONTHS: Final = (
    "january jan januar janvier enero gennaio janeiro januari",
    "february feb februar février febrero febbraio fevereiro februari",
    "march mar märz mars marzo março maart",
    "april apr avril abril aprile",
    "may mai mayo maggio maio mei",
    "june jun juni juin junio giugno junho",
    "july jul juli juillet julio luglio julho",
    "august aug août agosto augustus",
    "september sep sept septembre septiembre settembre setembro",
    "october oct okt oktober octobre octubre ottobre outubro",
    "november nov novembre noviembre novembro",
    "december dec dez dezember décembre diciembre dicembre dezembro",
)


def _split(text: str) -> frozenset[str]:
    return frozenset(fold_text(text).split())


STOP: Final = {language: _split(text) for language, text in _STOP.items()}
"""Words that are not about data, by language, without accents."""
CONCEPTS: Final = {concept: _split(text) for concept, text in _CONCEPTS.items()}
"""Words of a calculation or of time, in all languages together."""
_UNITS: Final = _split(
    """month months monthly week weeks weekly quarter quarters quarterly hour hours hourly monat monate monaten
    monatlich woche wochen quartal stunde mois semaine semaines trimestre heure mes meses semana semanas mese mesi
    settimana mês maand maanden week weken"""
)
_LOOSE: Final = ("compare", "difference", "distinct", "order", "sum", "count", "time")
SOFT: Final = frozenset().union(*(CONCEPTS[concept] for concept in _LOOSE)) - _UNITS
"""Words of calculations that questions also use in other senses: a query without the calculation may be right."""
NUMBERS: Final = {word: number for number, text in _NUMBERS.items() for word in _split(text)}
MONTHS: Final = {word: month for month, text in enumerate(_MONTHS, 1) for word in _split(text)}
_NOW: Final = _split(
    """today todays yesterday tomorrow tonight now nowadays current currently recent recently ago upcoming ytd overdue
    expired heute heutige heutigen gestern morgen jetzt aktuell aktuelle aktuellen derzeit bisher kurzlich uberfallig
    aujourd'hui hier demain maintenant actuel actuelle actuellement recemment hoy ayer manana ahora actual actualmente
    reciente hace oggi ieri domani adesso attuale attualmente fa hoje ontem amanha agora atual atualmente recente
    vandaag gisteren nu huidige recent onlangs geleden"""
)
_NEAR: Final = _split(
    """last past previous this next coming since until letzte letzten letzter letztes vergangene vergangenen vorige
    vorigen vorigem diese diesen diesem dieser dieses kommende kommenden nachste nachsten seit bis dernier derniere
    derniers dernieres passe passee ce cette ces cet prochain prochaine depuis ultimo ultima ultimos ultimas pasado
    pasada este esta estos estas proximo proxima desde scorso scorsa questo questa prossimo prossima passado passada
    neste nesta deste desta vorige afgelopen deze dit volgende komende sinds"""
)
_WEEKDAYS: Final = _split(
    """monday tuesday wednesday thursday friday saturday sunday weekend montag dienstag mittwoch donnerstag freitag
    samstag sonntag wochenende lundi mardi mercredi jeudi vendredi samedi dimanche lunes martes miercoles jueves viernes
    sabado domingo lunedi martedi mercoledi giovedi venerdi sabato domenica segunda terca quarta quinta sexta maandag
    dinsdag woensdag donderdag vrijdag zaterdag zondag"""
)
_MAX_DISTANCE_WORDS: Final = 2
_WORD: Final = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")


def list_words(text: str) -> list[str]:
    """Split a text into its words as they are written; `snake_case` and `camelCase` are several words."""
    text = re.sub(r"(?<=[a-zà-ÿ0-9])(?=[A-ZÀ-Þ])", " ", text.replace("_", " "))
    return [match.group() for match in _WORD.finditer(text)]


def is_about_now(question: str) -> bool:
    """Return whether the question may mean days that depend on today: `today`, `the last 30 days`, `dieses Jahr`.

    True for a question that is not in Latin letters: no words of such languages are known.

    >>> is_about_now("Orders of the last 30 days"), is_about_now("The last name of each customer")
    (True, False)
    """
    words = [word.strip("?.,!:;") for word in fold_text(question).split()]
    if any(not letter.isascii() for word in words for letter in word if letter.isalpha()):
        return True
    if any(word in _NOW for word in words):
        return True
    near = [at for at, word in enumerate(words) if word in _NEAR]
    times = [at for at, word in enumerate(words) if word in CONCEPTS["time"] or word in MONTHS or word in _WEEKDAYS]
    return any(abs(left - right) <= _MAX_DISTANCE_WORDS for left in near for right in times)


def guess_language(question: str) -> str:
    """Return the language whose common words the question has most of; English where none leads."""
    words = fold_text(question).split()
    scores = {language: sum(word.strip("?.,!") in stop for word in words) for language, stop in STOP.items()}
    best = max(scores, key=lambda language: (scores[language], language == "en"))
    return best if scores[best] > scores["en"] else "en"
