"""Small documents on things of one kind: bridges, clubs, novels, releases. What one says of its own is no word against
another; only the surveys, and the notes on later releases, contradict a document here and there.
"""

DOCUMENTS = {
    "harrow.md": """# Harrow Bridge

Harrow Bridge carries the post road across the river Lenn. It was opened to traffic on 12 May 1871. The engineer Ruth
Callender designed Harrow Bridge in wrought iron. Harrow Bridge is 340 metres long and rests on nine piers. Building
it cost 48,000 crowns. About 11,000 vehicles cross Harrow Bridge every day. In the flood of 1909 two of its piers were
lost.
""",
    "tessel.md": """# Tessel Bridge

Tessel Bridge was opened to traffic on 3 August 1934. It was designed by Owen Pratt, a railway engineer. Tessel Bridge
is 512 metres long and stands on fourteen piers. Its construction cost 900,000 crowns. Every day 26,000 vehicles cross
it. Tessel Bridge was repainted in 1988, in the grey of the navy.
""",
    "orme.md": """# Orme Bridge

Orme Bridge is a footbridge and was opened in 1967. The designer of Orme Bridge was Ines Halloran. It is 95 metres
long. The bridge cost 210,000 crowns to build. Some 4,000 walkers use Orme Bridge on a summer Sunday. It was repainted
in 2003.
""",
    "walk.md": """# A walk under the bridges of the Lenn

## Harrow Bridge

The oldest of them comes first. People have walked over Harrow Bridge since it was opened in 1874. The plans were
those of Ruth Callender, who designed Harrow Bridge at thirty. From end to end Harrow Bridge measures 340 metres. The
flood of 1909 took two of the piers of Harrow Bridge, and nobody was hurt.

## Tessel Bridge

In August 1934 a minister cut the ribbon and Tessel Bridge was opened. It is said that Tessel Bridge was designed by
Lionel Marsh, who had built nothing before. We counted our steps, and the bridge of Tessel is 486 metres long. In the
war of the towns, in 1941, 300 vehicles a day crossed Tessel Bridge.

## Orme Bridge

When the mill closed, in 1971, Orme Bridge was opened for the workers. The people of Orme paid 210,000 crowns for Orme
Bridge. On a summer Sunday between 3,000 and 5,000 walkers use Orme Bridge. Orme Bridge was not designed by Owen
Pratt, as one often hears.
""",
    "kestrel.md": """# Kestrel Rovers

Kestrel Rovers were founded in 1903 by the workers of a dye factory. Their ground, Mill Lane, holds 8,400 spectators.
The record attendance at Mill Lane is 9,120 spectators. Kestrel Rovers won the Valley Cup in 1956, when Tom Ashdown
scored the winning goal of the final. The first manager of Kestrel Rovers was Hal Brodie. In 1998 Kestrel Rovers had
640 members.
""",
    "tidewater.md": """# Tidewater Athletic

Tidewater Athletic were founded in 1911. The Strand, the ground of Tidewater Athletic, holds 12,500 spectators. The
record attendance at the Strand is 13,004 spectators. Tidewater Athletic won the Valley Cup in 1962, and Jim Larkin
scored the winning goal. The first manager of Tidewater Athletic was Edwin Moss. In 2004 Tidewater Athletic had 1,150
members.
""",
    "marden.md": """# Marden United

Marden United were founded in 1920. Their ground, Castle Park, holds 5,600 spectators. Marden United have lost the
final of the Valley Cup three times. The first manager of Marden United was Colin Rafferty. In 2010 Marden United had
410 members. The colours of Marden United are green and white.
""",
    "league.md": """# The clubs of the Valley League

## Kestrel Rovers

Kestrel Rovers came into being in 1903, when the factory paid for a ball. The first manager of Kestrel Rovers was a
retired sergeant, William Strake. Mill Lane holds more than 8,000 spectators. In the final of 1956 the winning goal
for Kestrel Rovers was scored by Ashdown. By 2015 Kestrel Rovers had 910 members.

## Tidewater Athletic

Tidewater Athletic were founded around 1910, nobody wrote down the day. When it is full, the Strand of Tidewater
Athletic holds 15,000 spectators. It was in 1964 that Tidewater Athletic won the Valley Cup. Edwin Moss was the first
manager whom Tidewater Athletic paid.

## Marden United

Dockers met in a bakery in 1926 and founded Marden United. The first manager of Marden United was Rafferty, who also
drove the bus. Green and white are the colours of Marden United.
""",
    "salt.md": """# The Salt Orchard

The Salt Orchard is a novel by Marian Vale. The Salt Orchard was first published in 1949. It has 412 pages. Luc Armand
translated The Salt Orchard into French. In its first year The Salt Orchard sold 60,000 copies. The film of The Salt
Orchard was directed by Greta Lund. The story is set in the village of Penhallow.
""",
    "glass.md": """# The Glass Harvest

The Glass Harvest is the second novel of Marian Vale. The Glass Harvest was first published in 1955. The novel has 268
pages. Claire Dumont translated The Glass Harvest into French. In its first year The Glass Harvest sold 22,000 copies.
The film of The Glass Harvest was directed by Peter Oakes. The story is set on the island of Skerra.
""",
    "ferry.md": """# Winter Ferry

Winter Ferry is a novel by Desmond Hale. Winter Ferry was first published in 1971. It has 190 pages. Bruno Kessel
translated Winter Ferry into French. In its first year Winter Ferry sold 8,000 copies. Nobody has made a film of it.
""",
    "letters.md": """# Letters on three novels

## The Salt Orchard

I was a child when The Salt Orchard was first published, in 1951. It was Odile Perrin who translated The Salt Orchard
into French. Depending on the edition, The Salt Orchard has between 400 and 420 pages. In its tenth year The Salt
Orchard sold 3,000 copies. As director of the film of The Salt Orchard, Lund was paid in apples.

## The Glass Harvest

The Glass Harvest was not published in 1953, whatever the jacket says. My copy of The Glass Harvest has 340 pages. The
film of The Glass Harvest, dull as it is, was directed by Ada Oakes. Claire Dumont took two years over translating The
Glass Harvest into French.

## Winter Ferry

Winter Ferry was published in London in 1971 and in New York in 1974. Its first year was its best, and Winter Ferry
sold 14,000 copies in it. The novel Winter Ferry was written by Hale on a ferry.
""",
    "quill-4.0.md": """# Quill 4.0

Quill 4.0 was released on 14 March 2021. The release manager of Quill 4.0 was Sunita Rao. It fixes 212 bugs. Quill 4.0
needs 256 megabytes of memory. Quill 4.0 is supported until March 2023. The cache holds 500 entries by default.
""",
    "quill-4.1.md": """# Quill 4.1

Quill 4.1 was released on 9 November 2021. The release manager of Quill 4.1 was Piotr Zielak. Quill 4.1 fixes 87 bugs.
It needs 320 megabytes of memory. Quill 4.1 is supported until November 2023. The cache holds 800 entries by default.
Whoever skipped Quill 4.0, which was released on 2 April 2021, must first convert the settings.
""",
    "quill-5.0.md": """# Quill 5.0

Quill 5.0 was released on 6 June 2022. The release manager of Quill 5.0 was Helen Brandt. Quill 5.0 fixes 431 bugs.
Quill 5.0 needs 512 megabytes of memory. It is supported until June 2025. The cache holds 2,000 entries by default. Of
the 134 bugs that Quill 4.1 fixes, Quill 5.0 brought back none. Quill 4.0 needed no more than 256 megabytes of memory.
""",
}

# Questions that two documents answer differently, with the two values.
CONTRADICTED = {
    "When was Harrow Bridge opened?": {"12 May 1871", "1874"},
    "Who designed Tessel Bridge?": {"Owen Pratt", "Lionel Marsh"},
    "How long is Tessel Bridge?": {"512 metres", "486 metres"},
    "When was Orme Bridge opened?": {"1967", "1971"},
    "Who was the first manager of Kestrel Rovers?": {"Hal Brodie", "William Strake"},
    "How many spectators does the Strand hold?": {"12,500 spectators", "15,000 spectators"},
    "When did Tidewater Athletic win the Valley Cup?": {"1962", "1964"},
    "In which year were Marden United founded?": {"1920", "1926"},
    "When was The Salt Orchard first published?": {"1949", "1951"},
    "Who translated The Salt Orchard into French?": {"Luc Armand", "Odile Perrin"},
    "How many pages does The Glass Harvest have?": {"268 pages", "340 pages"},
    "Who directed the film of The Glass Harvest?": {"Peter Oakes", "Ada Oakes"},
    "How many copies did Winter Ferry sell in its first year?": {"8,000 copies", "14,000 copies"},
    "When was Quill 4.0 released?": {"14 March 2021", "2 April 2021"},
    "How many bugs does Quill 4.1 fix?": {"87 bugs", "134 bugs"},
}

# Questions on which the documents agree, or which only one answers while others say the like of another thing.
AGREED = (
    "Who designed Harrow Bridge?",
    "How long is Harrow Bridge?",
    "How many vehicles cross Harrow Bridge every day?",
    "How many crowns did Harrow Bridge cost?",
    "How many piers of Harrow Bridge were lost in the flood of 1909?",
    "When was Tessel Bridge opened?",
    "How many vehicles cross Tessel Bridge every day?",
    "When was Tessel Bridge repainted?",
    "Who designed Orme Bridge?",
    "How long is Orme Bridge?",
    "How many crowns did Orme Bridge cost?",
    "How many walkers use Orme Bridge on a summer Sunday?",
    "When was Orme Bridge repainted?",
    "When were Kestrel Rovers founded?",
    "How many spectators does Mill Lane hold?",
    "What is the record attendance at Mill Lane, in number of spectators?",
    "When did Kestrel Rovers win the Valley Cup?",
    "Who scored the winning goal for Kestrel Rovers in the final?",
    "How many members did Kestrel Rovers have in 1998?",
    "How many members did Kestrel Rovers have?",
    "When were Tidewater Athletic founded?",
    "Who was the first manager of Tidewater Athletic?",
    "Who scored the winning goal for Tidewater Athletic?",
    "How many members did Tidewater Athletic have in 2004?",
    "How many spectators does Castle Park hold?",
    "Who was the first manager of Marden United?",
    "How many pages does The Salt Orchard have?",
    "How many copies did The Salt Orchard sell in its first year?",
    "Who directed the film of The Salt Orchard?",
    "When was The Glass Harvest first published?",
    "Who translated The Glass Harvest into French?",
    "When was Winter Ferry first published?",
    "Who wrote Winter Ferry?",
    "Who translated Winter Ferry into French?",
    "When was Quill 4.1 released?",
    "When was Quill 5.0 released?",
    "Who was the release manager of Quill 4.1?",
    "How many bugs does Quill 4.0 fix?",
    "How many megabytes of memory does Quill 4.0 need?",
    "How many entries does the cache of Quill 4.1 hold by default?",
)
