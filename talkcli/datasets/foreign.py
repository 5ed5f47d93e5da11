"""Sentences of our own in other languages, in their spelling, for the voices of those languages."""

# ruff: noqa: RUF001  # other alphabets look like ours here and there

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

# espeak-ng's name of the language -> sentences, one a line.
SENTENCES: Mapping[str, str] = {
    "de": """Guten Morgen, wie geht es Ihnen?
Meine Mutter backt am Abend immer einen Apfelkuchen.
Bitte bring mir die blaue Mappe mit.
Peter und Paula wohnen in einem bunten Haus am Fluss.
Wir müssen pünktlich am Bahnhof sein.
Das Pferd frisst frische Äpfel vom Baum.
Vielleicht kommt Onkel Philipp am Freitag vorbei.
Warum hast du mich nicht gefragt?
Ich habe fünf Bücher über Vögel gekauft.
Ein Boot voller Mehl und Pfeffer liegt im Hafen.
Niemand weiß, wem der Mantel gehört.
Im Sommer schwimmen wir oft im See.
Können Sie mir bitte helfen, den Weg zum Dom zu finden?
Der Bäcker öffnet um sechs Uhr.
Über den Bergen scheint schon der Mond.
Auf keinen Fall!
Mama, schau mal, ein Biber!
Zwischen zwei Zweigen zwitschern zwanzig Vögel.
Das Problem mit dem Computer bleibt bestehen.
Er wollte eigentlich früher aufbrechen, aber es regnete.""",
    "fr": """Bonjour, comment allez-vous aujourd'hui ?
Ma mère prépare un bon potage aux poireaux.
Le petit bateau blanc avance vers le port.
Pourriez-vous ouvrir la fenêtre, s'il vous plaît ?
Pierre mange une pomme verte sous un pommier.
Nous avons vu un beau film hier soir.
Je voudrais un peu de beurre et du pain.
La pluie tombe doucement sur les feuilles.
Vous me promettez de venir vendredi matin ?
Un vieux berger garde ses brebis sur la montagne.
Il faut absolument que tu viennes avec nous.
Jamais de la vie !
Combien de pommes voulez-vous ?
Elle rêve d'un long voyage en Afrique.
Le boulanger du village est mon meilleur ami.
Maman, où as-tu mis mon chapeau ?
Une minute, je finis mon café.
Trois grosses baleines nageaient près de la plage.
Quelle belle journée pour se promener au bord du lac.
Mon frère habite au bout de la rue.""",
    "es": """Buenos días, ¿cómo está usted?
Mi abuela vive en un pueblo pequeño.
Pablo pone el plato sobre la mesa.
¿Puedes abrir la puerta, por favor?
El bebé bebe un vaso de leche tibia.
Mañana vamos a comprar pan y manzanas.
Me parece un problema muy importante.
Los pájaros vuelan sobre el campo verde.
Nunca había visto una playa tan bonita.
Papá trabaja en una fábrica de muebles.
¡Qué bien!
El barco blanco va por el río hasta el mar.
No me acuerdo de su nombre.
Hay que empezar temprano para terminar a tiempo.
La profesora explica la lección con paciencia.
Mi primo Felipe vino a verme el viernes.
¿Dónde está el museo?
Compramos un sombrero para mi hermana.
El viento mueve las hojas del árbol.
Un hombre amable me ayudó a subir la maleta.""",
    "it": """Buongiorno, come sta?
Mia mamma prepara una buona minestra.
Il bambino beve un bicchiere di latte.
Per favore, puoi aprire la porta?
Pietro ha comprato un paio di scarpe blu.
Domani mattina partiamo per Bologna.
Il gatto dorme sopra il vecchio mobile.
Non mi piace affatto questa proposta.
Abbiamo mangiato pane, prosciutto e formaggio.
Che bella giornata!
Un uomo con il cappello aspetta il treno.
La fabbrica è chiusa da più di vent'anni.
Vorrei un caffè e un bicchiere d'acqua.
Sulla montagna c'è ancora molta neve.
Dove abbiamo messo le chiavi?
Il professore spiega sempre tutto molto bene.
Mio fratello viene a trovarmi ogni venerdì.
Ventiquattro barche bianche entrano nel porto.
Forse è meglio tornare indietro subito.
Babbo, guarda, una farfalla!""",
    "pt-BR": """Bom dia, como vai você?
Minha mãe faz um bolo muito bom.
O menino bebe um copo de água.
Por favor, abra a janela para mim.
Paulo e Maria moram perto da praia.
Amanhã vamos comprar pão e maçãs.
O barco branco foi embora pelo rio.
Não me lembro do nome dele.
A vovó guarda o queijo no armário.
Que pena!
Meu irmão trabalha numa fábrica de móveis.
Onde fica o museu de arte?
Os pássaros voam sobre o campo verde.
Um homem velho me ajudou com a mala.
Ela nunca viu um filme tão bonito.
Temos que sair bem cedo na sexta-feira.
O problema é que chove muito em novembro.
Você pode falar mais devagar?
Bebi um café e fui embora.
A professora explicou tudo com calma.""",
    "nl": """Goedemorgen, hoe gaat het met u?
Mijn moeder bakt elke vrijdag appeltaart.
Pieter woont in een mooi huis aan de gracht.
Mag ik nog een kopje koffie, alstublieft?
De boot vaart langzaam onder de brug door.
Wij moeten morgen vroeg opstaan.
Waarom heb je mij niet gebeld?
Het meisje voert vijf bruine paarden.
Op de markt verkopen ze verse vis en bloemen.
Dat is een groot probleem voor ons bedrijf.
Helemaal niet!
Papa leest een boek over vogels.
De bakker op de hoek heeft het beste brood.
In de zomer fietsen we vaak naar het strand.
Niemand wist waar de sleutel was gebleven.
Kunt u mij de weg naar het museum wijzen?
Mijn broer speelt al jaren piano.
Het begon plotseling hard te regenen.""",
    "pl": """Dzień dobry, jak się pan ma?
Moja mama piecze pyszny placek z jabłkami.
Piotr mieszka w małym domu nad rzeką.
Proszę, podaj mi białą filiżankę.
Pies biega po parku za piłką.
Jutro pojedziemy pociągiem do Poznania.
Dlaczego mi o tym nie powiedziałeś?
Babcia opowiada bajkę o wielkim niedźwiedziu.
Wszyscy mówią o nowym filmie.
Na pewno nie!
Kupiłem pięć jabłek i bochenek chleba.
W lipcu często pływamy w jeziorze.
Pan profesor wyjaśnił problem bardzo powoli.
Gdzie jest najbliższy przystanek autobusowy?
Wiatr porusza liśćmi wysokiego dębu.
Mój brat wróci dopiero w piątek wieczorem.
Tam płynie biały statek.
Może pójdziemy razem na obiad?""",
    "fi": """Hyvää huomenta, mitä kuuluu?
Äiti leipoo pullaa joka perjantai.
Pikku poika juo lasillisen maitoa.
Voisitko avata ikkunan, ole hyvä?
Pekka ja Päivi asuvat meren rannalla.
Huomenna menemme junalla Tampereelle.
Vanha mies lukee puiston penkillä lehteä.
Missä lähin apteekki on?
Metsässä kasvaa paljon puolukoita ja mustikoita.
Ei missään nimessä!
Veljeni palaa vasta ensi viikolla.
Vene lipuu hiljaa sillan alta.
Puhuisitteko vähän hitaammin?
Ostin viisi omenaa ja leivän.
Lumi peittää vuoret ja pellot.
Miksi et kertonut minulle mitään?
Kissa nukkuu pehmeän sohvan päällä.
Valo vilkkuu pimeässä tuvassa.""",
    "sv": """God morgon, hur mår du?
Min mamma bakar bullar varje fredag.
Pojken dricker ett glas mjölk.
Kan du öppna fönstret, är du snäll?
Båten går långsamt under bron.
I morgon måste vi stiga upp tidigt.
Varför sa du ingenting till mig?
På sommaren badar vi ofta i sjön.
Farfar berättar en saga om en björn.
Absolut inte!
Jag köpte fem äpplen och en bulle.
Var ligger närmaste apotek?
Det här problemet är mycket besvärligt.
Vinden rör bladen på det höga trädet.
Min bror kommer hem på söndag.
En vit fågel flyger över havet.""",
    "cs": """Dobrý den, jak se máte?
Maminka peče výborný koláč s jablky.
Petr bydlí v malém domě u řeky.
Podej mi prosím ten bílý hrnek.
Pes běhá po parku za míčem.
Zítra pojedeme vlakem do Brna.
Proč jsi mi o tom neřekl?
Babička vypráví pohádku o velkém medvědovi.
Kde je nejbližší zastávka autobusu?
V žádném případě!
Koupil jsem pět jablek a bochník chleba.
V létě se často koupeme v rybníce.
Můj bratr se vrátí až v pátek večer.
Možná bychom mohli jít spolu na oběd.
Film byl opravdu velmi zábavný.
Vítr pohybuje listím vysokého dubu.""",
    "ro": """Bună dimineața, ce mai faceți?
Mama prepară o plăcintă bună cu mere.
Băiatul bea un pahar cu apă.
Vă rog să deschideți fereastra.
Petru locuiește într-o casă mică lângă râu.
Mâine plecăm devreme spre București.
De ce nu mi-ai spus nimic?
Bunica povestește despre un urs foarte mare.
Unde se află muzeul?
În niciun caz!
Am cumpărat cinci mere și o pâine.
Fratele meu vine abia vineri seara.
Vântul mișcă frunzele copacului.
Problema aceasta mi se pare foarte importantă.
O barcă albă plutește pe lac.""",
    "tr": """Günaydın, nasılsınız?
Annem her cuma elmalı pasta yapar.
Küçük çocuk bir bardak süt içiyor.
Lütfen pencereyi açar mısınız?
Babam büyük bir fabrikada çalışıyor.
Yarın sabah erken kalkmamız lazım.
Bana neden bir şey söylemedin?
Beyaz bir gemi yavaşça limana giriyor.
En yakın müze nerede?
Asla olmaz!
Beş elma ve bir ekmek aldım.
Kardeşim ancak pazar günü gelebilir.
Yaşlı bir adam parkta gazete okuyor.
Bu problem bence çok önemli.
Kuşlar mavi gölün üzerinde uçuyor.""",
    "hu": """Jó reggelt, hogy van?
Anyám minden pénteken almás pitét süt.
A kisfiú megiszik egy pohár tejet.
Kérem, nyissa ki az ablakot.
Péter egy kis házban lakik a folyó mellett.
Holnap korán kell felkelnünk.
Miért nem mondtad meg nekem?
A nagymama mesét mond egy medvéről.
Hol van a legközelebbi múzeum?
Semmi esetre sem!
Vettem öt almát és egy kenyeret.
A bátyám csak vasárnap jön haza.
Fehér hajó úszik a Balaton vizén.
Ez a probléma nagyon fontos.
A szél mozgatja a fák levelét.""",
    "id": """Selamat pagi, apa kabar?
Ibu membuat kue pisang setiap hari Minggu.
Anak kecil itu minum segelas susu.
Tolong buka pintu dan jendela.
Bapak bekerja di pabrik mobil.
Besok kami pergi ke pantai bersama paman.
Mengapa kamu tidak memberi tahu saya?
Burung putih terbang di atas sawah.
Di mana museum yang paling dekat?
Tidak mungkin!
Saya membeli lima buah apel dan roti.
Perahu biru itu lewat di bawah jembatan.
Masalah ini sangat penting bagi kami.
Mereka belum pernah melihat film sebagus itu.""",
    "ru": """Доброе утро, как поживаете?
Мама печёт пирог с яблоками.
Маленький мальчик пьёт молоко.
Откройте, пожалуйста, окно.
Папа работает на большой фабрике.
Завтра мы поедем на поезде в Москву.
Почему ты мне ничего не сказал?
Бабушка рассказывает сказку про медведя.
Где находится ближайший музей?
Ни в коем случае!
Я купил пять яблок и хлеб.
Мой брат вернётся только в пятницу вечером.
Белый пароход плывёт по реке.
Это очень важная проблема.
Ветер шевелит листья высокого дуба.""",
    "el": """Καλημέρα, τι κάνετε;
Η μαμά φτιάχνει μια νόστιμη πίτα με μήλα.
Το παιδί πίνει ένα ποτήρι γάλα.
Μπορείτε να ανοίξετε την πόρτα, παρακαλώ;
Ο μπαμπάς μου δουλεύει στο λιμάνι.
Αύριο φεύγουμε νωρίς για την Πάτρα.
Γιατί δεν μου είπες τίποτα;
Πού είναι το μουσείο;
Σε καμία περίπτωση!
Αγόρασα πέντε μήλα και ψωμί.
Ένα άσπρο πλοίο περνά κάτω από τη γέφυρα.
Αυτό το πρόβλημα είναι πολύ σημαντικό.""",
    "ca": """Bon dia, com està vostè?
La mare fa un bon pastís de poma.
El nen beu un got de llet.
Pots obrir la finestra, si us plau?
El pare treballa en una fàbrica de mobles.
Demà anem a la platja amb tren.
Per què no m'ho vas dir?
On és el museu?
De cap manera!
He comprat cinc pomes i un pa.
Un vaixell blanc passa per sota del pont.
Aquest problema és molt important.
El vent mou les fulles de l'arbre.
El meu germà ve divendres al vespre.""",
}
LANGUAGES: tuple[str, ...] = tuple(SENTENCES)


def sentence(language: str, rng: np.random.Generator, *, numbers: bool = True) -> str:
    """One or two sentences of a language; sometimes with numbers, which espeak-ng spells out."""
    lines = SENTENCES[language].splitlines()
    text = lines[rng.integers(len(lines))]
    kind = rng.random()
    if kind < 0.45:
        return f"{text} {lines[rng.integers(len(lines))]}"
    if kind < 0.65 and numbers:
        return f"{text} {rng.integers(10_000)}, {rng.integers(100)}, {rng.integers(1_000)}."
    return text
