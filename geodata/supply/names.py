"""Frequent given names and surnames: what betrays a column of persons under a heading that says nothing.

A name stands here only if it is rarely the name of a place by itself (no Hagen, no Linden).
"""

from __future__ import annotations

_GIVEN = """
    achim adam ahmed ahmet alexander alexandra ali alina alma amelie amina amir amira andrea andreas andrzej angela
    angelika anja anke anna anne annika antje anton antonia arne arthur astrid aylin ayse barbara bastian beate ben
    benjamin bernd bernhard birgit bjoern brigitte bruno carina carla carmen carolin charlotte christa christian
    christiane christina christine christoph claudia clara dagmar daniel daniela david dennis detlef diana dieter dirk
    dmitri dominik doris edith ela elena elias elif elisabeth ella elke ella ellen emil emilia emily emine emma eric
    erich erika erna ernst eva fabian fatima fatma felix finn florian frank franz franziska frieda friedrich gabriele
    gerd gerda gerhard gertrud gisela greta guenter guenther hanna hannah hannelore hannes hans harald hasan hatice
    heidi heike heiko heinrich heinz helena helene helga helmut henri henry herbert hermann hildegard holger horst
    hussein ibrahim ida ilse inge ingeborg ingo ingrid irina irmgard iris ismail ivan jakob jan jana jannik jasmin
    jens jessica joachim johann johanna johannes jolanta jonas jonathan joerg josef judith julia julian julius juergen
    jutta kai karin karl karl-heinz karsten katarzyna katharina kathrin katja katrin kerstin khaled kim klaus konrad
    kristin krzysztof kurt lara laura lea lena leni leon leonie lian lieselotte lina linda lisa lotte louis luca luisa
    lukas magdalena maik maja manfred manuel manuela marc marcel marco marcus margarete margot maria marianne marie
    marina mario marion mark marko markus marlene marta martha martin martina maryam mathilde matteo matthias max
    maximilian mehmet melanie mia michael michaela mila milan mohamed mohammad mohammed mona monika moritz muhammad
    mustafa nadine natalia natalie nele nicole niklas nils nina noah nora norbert olaf olga oliver omar oskar otto
    patricia patrick paul paula pavel peter petra philipp philip pia piotr rainer ralf ralph raphael rebecca regina
    reinhard renate robert roland rolf rosemarie rudolf ruth sabine sabrina samuel sandra sara sarah sascha sebastian
    selma sergej silke silvia simon simone sofia sonja sophia sophie stefan stefanie steffen stephan susanne svenja
    svetlana sven sylvia tanja tatjana theo theresa thomas thorsten till tim timo tobias tom torsten udo ulrich ulrike
    ursula ute uwe vanessa vera veronika viktor viktoria vincent volker waltraud walter werner wilhelm willi winfried
    wladimir wolfgang yasmin yusuf zeynep
"""

_SURNAMES = """
    albrecht arnold bauer baumann becker beck berger bergmann boehm brandt braun busch demir dietrich engel fischer
    frank franke friedrich fuchs graf guenther haas hahn hartmann heinrich herrmann hofmann hoffmann horn huber
    jaeger jahn jung kaiser kaya keller koch koehler koenig kowalski kraemer kraft krause krueger kuehn kuhn lang lange
    lehmann lorenz ludwig maier mayer meier meyer moeller mueller nguyen nowak oezdemir otto peters pfeiffer pohl
    richter roth sauer schaefer scherer schmid schmidt schmitt schmitz schneider scholz schreiber schroeder schubert
    schulte schulz schulze schumacher schuster schwarz seidel simon sommer stein thomas vogel vogt voigt wagner walter
    weber weiss werner winkler winter wolf wolff yilmaz ziegler zimmermann
"""

#: Folded to lower case without umlauts.
GIVEN = frozenset(_GIVEN.split())
SURNAMES = frozenset(_SURNAMES.split())
