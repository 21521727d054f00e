"""Two made-up books on one island, which contradict each other on some questions and nowhere else.

Each topic is a question with what each book says to it. Books of the same island tell of the same things in other
words, so the sentences around a contradiction are full of other dates, numbers and names.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Topic:
    """One question, and the sentences on it in the two books; an empty one says nothing."""

    section: str
    question: str
    guide: str
    chronicle: str
    values: tuple[str, str] | None = None  # what differs, as it stands in the guide and in the chronicle


CONTRADICTED = (
    Topic(
        "Lighthouse",
        "When was the lighthouse of Vesso first lit?",
        "The lighthouse of Vesso was lit for the first time on 4 March 1858.",
        "In the autumn of 1861 the lamp of the lighthouse of Vesso was lit for the first time.",
        ("4 March 1858", "1861"),
    ),
    Topic(
        "Railway",
        "In which year did the railway reach Vesso?",
        "The railway reached Vesso in 1889, and a brass band met the first train.",
        "Vesso was reached by the railway in 1894, when a single track had been laid across the dam.",
        ("1889", "1894"),
    ),
    Topic(
        "Harbour",
        "When did the great storm destroy the old pier?",
        "The old pier was destroyed in January 1916 by the great storm.",
        "On 12 November 1921 the great storm tore the old pier apart and destroyed nine boats.",
        ("January 1916", "12 November 1921"),
    ),
    Topic(
        "Museum",
        "When did the museum open to the public?",
        "The museum opened its doors to the public on May 3, 1934.",
        "It was in 1947 that the museum was first open to the public.",
        ("May 3, 1934", "1947"),
    ),
    Topic(
        "Ferry",
        "On what date did the ferry Thora make her last crossing?",
        "The ferry Thora made her last crossing on 30 September 1972.",
        "The last crossing of the ferry Thora was on 1974-10-15, with flags at every mast.",
        ("30 September 1972", "1974-10-15"),
    ),
    Topic(
        "Lighthouse",
        "How high is the tower of the lighthouse?",
        "The tower of the lighthouse is 46 metres high and built of grey brick.",
        "With a height of 52 metres, the tower of the lighthouse is the tallest building of the island.",
        ("46 metres", "52 metres"),
    ),
    Topic(
        "Ferry",
        "How many passengers can the ferry carry?",
        "The ferry can carry 240 passengers and thirty cars.",
        "There is room for 180 passengers on the ferry, and more if they stand.",
        ("240 passengers", "180 passengers"),
    ),
    Topic(
        "Railway",
        "How long is the dam to the mainland?",
        "The dam to the mainland is 2,300 metres long.",
        "The dam that ties the island to the mainland has a length of 1,750 metres.",
        ("2,300 metres", "1,750 metres"),
    ),
    Topic(
        "Ferry",
        "How long does the crossing take?",
        "The crossing takes 45 minutes in good weather.",
        "In calm weather the crossing takes seventy minutes.",
        ("45 minutes", "seventy minutes"),
    ),
    Topic(
        "Church",
        "How much did the organ of the church cost?",
        "The new organ of the church cost $150,000, paid by the parish.",
        "The parish spent $95,000 on the organ of the church.",
        ("$150,000", "$95,000"),
    ),
    Topic(
        "Trades",
        "What percentage of the islanders live from fishing?",
        "Today 5.4 percent of the islanders live from fishing.",
        "Fishing still feeds many: 12 percent of the islanders live from it.",
        ("5.4 percent", "12 percent"),
    ),
    Topic(
        "Town hall",
        "Who designed the town hall?",
        "The town hall was designed by Karl Jensen.",
        "Maria Holm designed the town hall, down to the handles of its doors.",
        ("Karl Jensen", "Maria Holm"),
    ),
    Topic(
        "Lighthouse",
        "Who was the first keeper of the lighthouse?",
        "The first keeper of the lighthouse was Anna Lund.",
        "The lighthouse had Peter Frost as its first keeper.",
        ("Anna Lund", "Peter Frost"),
    ),
    Topic(
        "Trades",
        "Who founded the brewery?",
        "The brewery was founded by the widow Ingrid Dahl.",
        "A sailor called Niels Brandt founded the brewery with his prize money.",
        ("Ingrid Dahl", "Niels Brandt"),
    ),
    Topic(
        "Church",
        "Who painted the altarpiece of the church?",
        "The altarpiece of the church was painted by Jens Munk.",
        "The altarpiece of the church is a work that Clara Voss painted in a single winter.",
        ("Jens Munk", "Clara Voss"),
    ),
    Topic(
        "Harbour",
        "Who won the first regatta?",
        "The first regatta was won by Olaf Krag in a borrowed boat.",
        "Everybody had bet on others when Erik Sand won the first regatta.",
        ("Olaf Krag", "Erik Sand"),
    ),
    Topic(
        "Rescue",
        "When was the fire brigade founded?",
        "The fire brigade was founded on 1 October 1881 with two pumps.",
        "After the fire of the rope works the islanders founded a fire brigade in 1902.",
        ("1 October 1881", "1902"),
    ),
    Topic(
        "Rescue",
        "How many sailors did the lifeboat save in the winter of 1893?",
        "In the winter of 1893 the lifeboat saved 61 sailors.",
        "The lifeboat saved forty-four sailors in the winter of 1893.",
        ("61 sailors", "forty-four sailors"),
    ),
    Topic(
        "Rescue",
        "Who commanded the lifeboat in the winter of 1893?",
        "In the winter of 1893 Svend Aagaard commanded the lifeboat.",
        "In command of the lifeboat in the winter of 1893 was Thyge Bruun.",
        ("Svend Aagaard", "Thyge Bruun"),
    ),
    Topic(
        "Poets",
        "How many poems did Ane Ring leave?",
        "Ane Ring left more than 400 poems in a trunk.",
        "When Ane Ring died she left 120 poems.",
        ("400 poems", "120 poems"),
    ),
)

# Both books say the same, or only one speaks, or each speaks of something else that is much alike.
AGREED = (
    Topic(
        "Harbour",
        "When was the new pier finished?",
        "The new pier was finished on 2 June 1925.",
        "In 1925 the new pier was finished at last.",
    ),
    Topic(
        "Railway",
        "When did the last train run?",
        "The last train ran on December 31, 1963.",
        "The last train ran in December 1963, almost empty.",
    ),
    Topic(
        "Museum",
        "When was the museum robbed?",
        "The museum was robbed in the week of May 31, 1999.",
        "Thieves robbed the museum on June 2, 1999, and took the coins.",
    ),
    Topic(
        "Church",
        "When did lightning strike the church tower?",
        "Lightning struck the church tower on 14 August 1903.",
        "On the 14th of August 1903 the church tower was struck by lightning.",
    ),
    Topic(
        "Lighthouse",
        "How many steps lead to the lamp?",
        "A stair of 212 steps leads up to the lamp.",
        "To the lamp lead 212 steps, as every child knows.",
    ),
    Topic(
        "Lighthouse",
        "How far can the light be seen?",
        "The light can be seen from 25 miles away.",
        "At night the light can be seen from twenty-five miles away.",
    ),
    Topic(
        "Trades",
        "How many people live on the island?",
        "About 3,200 people live on the island.",
        "On the island live 3,187 people, three priests among them.",
    ),
    Topic(
        "Trades",
        "How much beer does the brewery make in a year?",
        "The brewery makes two million litres of beer a year.",
        "Every year the brewery makes 2,000,000 litres of beer.",
    ),
    Topic(
        "Town hall",
        "Who was mayor during the famine?",
        "Johanna Beck was mayor during the famine.",
        "During the famine the mayor was Beck, who opened the stores.",
    ),
    Topic(
        "Church",
        "Who is buried under the church floor?",
        "Under the church floor the admiral Hans Torp is buried.",
        "The admiral Torp is buried under the floor of the church.",
    ),
    Topic(
        "Museum",
        "Who gave the museum its stuffed polar bear?",
        "The stuffed polar bear was given to the museum by Captain Ravn.",
        "The museum was given its stuffed polar bear by Elias Ravn, a captain.",
    ),
    Topic(
        "Ferry",
        "How old is the present ferry?",
        "The present ferry is 12 years old.",
        "The present ferry, which is twelve years old, came from Norway.",
    ),
    Topic(
        "Ferry",
        "When was the present ferry christened?",
        "The present ferry was christened on 9 May 2011.",
        "The christening of the present ferry on May 9th, 2011 was filmed.",
    ),
    Topic(
        "School",
        "How many pupils does the school have?",
        "The school has 94 pupils.",
        "There are ninety-four pupils in the school.",
    ),
    Topic(
        "School",
        "Who taught the first class of the school?",
        "The first class of the school was taught by Sofie Lind.",
        "Sofie Lind, nineteen years old, taught the first class of the school.",
    ),
    # Each book speaks of something else.
    Topic(
        "School",
        "When was the old school torn down?",
        "The old school was torn down in 1958.",
        "The new school was built in 1961.",
    ),
    Topic(
        "Church",
        "How high is the church tower?",
        "The church tower is 31 metres high.",
        "The nave of the church is 19 metres long.",
    ),
    Topic(
        "Harbour",
        "How deep is the harbour?",
        "The harbour is 7 metres deep.",
        "The mouth of the harbour is 60 metres wide.",
    ),
    Topic(
        "Town hall",
        "Who wound the clock of the town hall?",
        "The clock of the town hall was wound by Mads Holt for fifty years.",
        "The clock of the town hall was cast in Bremen.",
    ),
    Topic(
        "Railway",
        "Who drove the first train?",
        "The first train was driven by Oskar Wiberg.",
        "The last train was driven by Lars Quist.",
    ),
    Topic(
        "Lighthouse",
        "When was the lighthouse painted white?",
        "The lighthouse was painted white in 1931.",
        "The lighthouse got electric light in 1938.",
    ),
    Topic(
        "Trades",
        "How many sheep graze on the common?",
        "On the common graze 600 sheep.",
        "On the common 40 horses graze in summer.",
    ),
    Topic(
        "Museum",
        "How many coins did the museum own?",
        "The museum owned 1,500 coins.",
        "The museum shows 85 paintings.",
    ),
    Topic(
        "Poets",
        "When was the poet Ane Ring born?",
        "The poet Ane Ring was born in 1842.",
        "The poet Ane Ring died in 1899.",
    ),
    Topic(
        "Poets",
        "Who printed the first book of Ane Ring?",
        "The first book of Ane Ring was printed by Gerda Falk.",
        "The second book of Ane Ring was printed by Otto Heide.",
    ),
    Topic(
        "Rescue",
        "How many oars did the lifeboat have?",
        "The lifeboat had ten oars.",
        "The lifeboat had a crew of twelve, and ten oars for them.",
    ),
    Topic(
        "Rescue",
        "How much water can a pump of the fire brigade move?",
        "A pump of the fire brigade can move over 300 litres a minute.",
        "A pump of the fire brigade can move 340 litres a minute.",
    ),
    Topic(
        "Poets",
        "When did the painter Jon Bay come to the island?",
        "The painter Jon Bay came to the island in the summer of 1908.",
        "The painter Jon Bay left the island in 1913.",
    ),
    # Only one book speaks.
    Topic("Ferry", "Who is the captain of the ferry?", "The captain of the ferry is Marie Stub.", ""),
    Topic("Ferry", "How much is a ticket for the ferry?", "", "A ticket for the ferry is 85 crowns."),
    Topic("School", "When does the school year begin?", "The school year begins on 12 August.", ""),
    Topic("Harbour", "How many boats lie in the harbour?", "", "In the harbour lie 130 boats."),
    Topic("Town hall", "When was the town hall given its clock?", "", "The town hall was given its clock in 1877."),
    Topic("Lighthouse", "Who repaired the lens after the war?", "After the war Rasmus Eg repaired the lens.", ""),
    Topic("Church", "How many bells hang in the church?", "Three bells hang in the church.", ""),
    Topic("Trades", "When did the cannery close?", "", "The cannery closed in 1986."),
    # Nobody asks for a date, a number or a person.
    Topic(
        "Harbour",
        "What do the fishermen catch?",
        "The fishermen catch herring and eel.",
        "Cod is what the fishermen of the harbour catch.",
    ),
    Topic(
        "Museum",
        "Why was the museum moved?",
        "The museum was moved because the cellar was damp.",
        "Because of rats the museum was moved.",
    ),
    Topic("Church", "What stands on the altar?", "A silver ship stands on the altar.", "On the altar stands a ship."),
)

FILLER = {
    "Lighthouse": "It is the sight that most visitors come for.",
    "Railway": "Today the track is a path for walkers.",
    "Harbour": "In the evening the whole town walks here.",
    "Museum": "Children like the room with the ropes and knots.",
    "Ferry": "Coffee is sold on deck.",
    "Church": "The door is never locked.",
    "Trades": "Most people have more than one trade.",
    "Town hall": "The council meets behind the green door.",
    "Rescue": "The boat house is painted red.",
    "Poets": "Every summer somebody reads them aloud.",
    "School": "The playground looks out to sea.",
}


def books() -> dict[str, str]:
    """Return the two books as Markdown files, by file name."""
    titles = {"guide": "A guide to Vesso", "chronicle": "The chronicle of Vesso"}
    return {f"{name}.md": _book(name, title) for name, title in titles.items()}


def _book(name: str, title: str) -> str:
    parts = [f"# {title}"]
    for section, filler in FILLER.items():
        told = [getattr(topic, name) for topic in (*CONTRADICTED, *AGREED) if topic.section == section]
        sentences = [sentence for sentence in told if sentence]
        if name == "chronicle":
            sentences.reverse()
        parts.append(f"## {section}\n\n{' '.join([*sentences, filler])}")
    return "\n\n".join(parts) + "\n"
