//! What the texts of the sample are made of, all of it written for them.

/// What a language says gladly, angrily, and without either.
pub(super) struct Phrases {
    /// Whole sentences of each mood.
    pub(super) sentences: [&'static [&'static str]; 3],
    /// What is said of a topic; only English has them.
    pub(super) said: [&'static [&'static str]; 3],
    /// What stands between two sentences.
    pub(super) space: &'static str,
}

/// What short texts may end with.
pub(super) const ENDINGS: [&str; 24] = [
    "😀",
    "😡",
    "🎉🎉",
    "👍",
    "👎",
    "❤️",
    "😭😭😭",
    "🤔",
    "🙄",
    "🚀",
    "👩‍💻",
    "🇪🇺",
    "#mondaymood",
    "#fail",
    "#throwback #coffee",
    "#100days",
    "@ana_writes",
    "@support @billing please?",
    "https://example.com/a/1?b=2",
    "lol",
    "…",
    "!!!",
    "(again)",
    "— M.",
];

pub(super) const TOPICS: [&str; 40] = [
    "The new phone",
    "My morning train",
    "The hotel near the harbour",
    "This recipe",
    "The update from last night",
    "Our landlord",
    "The second season",
    "Her new album",
    "The queue at the post office",
    "The coffee in this place",
    "Your customer service",
    "The match on Saturday",
    "The museum's garden",
    "My old laptop",
    "The bus driver",
    "The school play",
    "That documentary",
    "The delivery",
    "The road to the lake",
    "The dentist",
    "The new manager",
    "This keyboard",
    "The weather up here",
    "The soup of the day",
    "My neighbour's dog",
    "The election debate",
    "The translation",
    "The spare part",
    "His first novel",
    "The library on Mill Street",
    "The mobile app",
    "The night shift",
    "The battery",
    "The conference",
    "The view from the tower",
    "The refund",
    "The price of tomatoes",
    "The software licence",
    "The rehearsal",
    "The garden gate",
];

pub(super) const ENGLISH: Phrases = Phrases {
    sentences: [
        &[
            "What a lovely day.",
            "Best decision I've made all year.",
            "Thank you so much, that was quick!",
            "I can't stop smiling.",
            "We laughed until it hurt, and then we laughed again.",
            "Finally, something that just works.",
            "If you get the chance, go and see it; you won't regret it.",
            "I had no expectations and was surprised in the nicest way.",
            "Honestly? Ten out of ten.",
            "Everybody was kind, the food was hot and the music was not too loud.",
        ],
        &[
            "I want my money back.",
            "Never again.",
            "Three hours on hold, and then they hung up.",
            "This is the worst thing I have bought in years, and I once bought a solar-powered torch.",
            "How can anyone be so careless?",
            "It broke on the second day and nobody answers my letters.",
            "I am so tired of excuses.",
            "Not good, not even bad in an interesting way.",
            "They promised Tuesday. It is Friday.",
            "Sad, cold, and far too expensive.",
        ],
        &[
            "The meeting has been moved to 14:30 in room 2.",
            "Does anyone know when the shop opens on Sundays?",
            "The river is 42 km long and runs through three towns.",
            "Please find the minutes attached.",
            "I read the first chapter on the way to work.",
            "According to the timetable there is one every twenty minutes.",
            "It comes in red, blue and grey.",
            "The council will vote on the budget, which has grown by 3.5 % since 2019, in the second week of March.",
            "Mary moved from Leeds to Lisbon in 2016 and works for a shipping company there.",
            "Turn left at the church and follow the wall.",
        ],
    ],
    said: [
        &[
            "is better than I had hoped.",
            "made my whole week!",
            "deserves every bit of praise it gets.",
            "was a real pleasure from beginning to end.",
            "just keeps getting better, and I say that as someone who complained a lot at first.",
            "is worth every penny.",
            "was so good that we are going back tomorrow.",
            "turned out to be the highlight of our trip.",
            "never lets me down.",
            "is simply beautiful.",
        ],
        &[
            "is a complete disappointment.",
            "ruined my evening.",
            "was late, rude and wrong, in that order.",
            "isn't worth half of what they ask for.",
            "gave me a headache.",
            "fails every single time I need it.",
            "has gone from bad to worse since the spring.",
            "was so boring that two people behind us fell asleep.",
            "is broken again, and of course nobody is responsible.",
            "should come with a warning.",
        ],
        &[
            "opens at nine.",
            "is the same as last year's.",
            "was mentioned in the evening news.",
            "has a blue door and two windows.",
            "will be replaced in autumn, as far as I know.",
            "is next to the bank.",
            "took about two hours, with a break of ten minutes.",
            "belongs to a company from Rotterdam.",
            "is neither new nor old.",
            "starts on 3 May and ends on 17 June.",
        ],
    ],
    space: " ",
};

const fn only(
    glad: &'static [&'static str], angry: &'static [&'static str], plain: &'static [&'static str],
) -> Phrases {
    Phrases { sentences: [glad, angry, plain], said: [&[], &[], &[]], space: " " }
}

pub(super) const LANGUAGES: [Phrases; 12] = [
    // German
    only(
        &[
            "Was für ein schöner Tag!",
            "Das Essen war ausgezeichnet und die Bedienung sehr freundlich.",
            "Ich freue mich riesig auf das Wochenende.",
            "Endlich funktioniert alles so, wie es soll.",
            "Herzlichen Glückwunsch, das habt ihr großartig gemacht.",
            "Dieses Buch habe ich in einer Nacht gelesen, so spannend war es.",
        ],
        &[
            "Schon wieder eine Stunde Verspätung, und keiner sagt etwas.",
            "So einen schlechten Film habe ich lange nicht gesehen.",
            "Die Waschmaschine ist nach zwei Wochen kaputtgegangen.",
            "Ich bin wirklich enttäuscht von diesem Laden.",
            "Nie wieder, das war reine Zeitverschwendung.",
            "Der Kundendienst hat einfach aufgelegt.",
        ],
        &[
            "Die Sitzung beginnt um halb drei im zweiten Stock.",
            "Der Bus hält auch an der alten Mühle.",
            "Weiß jemand, wann die Bibliothek am Samstag öffnet?",
            "Das Gesetz tritt am ersten Januar in Kraft.",
            "Im Anhang finden Sie die Straßenverkehrsordnungsänderung.",
            "Sie wohnt seit 2012 in Lübeck und arbeitet bei der Post.",
        ],
    ),
    // French
    only(
        &[
            "Quelle belle surprise, merci à tous !",
            "Le concert d'hier soir était magnifique.",
            "J'adore ce petit café au coin de la rue.",
            "On a passé une semaine formidable au bord de la mer.",
            "Enfin une application qui marche bien.",
        ],
        &[
            "C'est inadmissible, j'attends depuis trois semaines.",
            "Le plat était froid et le serveur désagréable.",
            "Quel gâchis, je suis vraiment déçu.",
            "Encore une grève, encore une journée perdue.",
            "Je ne reviendrai plus jamais ici.",
        ],
        &[
            "La réunion est reportée à jeudi prochain.",
            "Le musée ferme à dix-huit heures.",
            "Où est-ce qu'on peut acheter des timbres ?",
            "Le nouveau pont mesure deux cents mètres.",
            "Elle a étudié l'histoire à Lyon avant de s'installer à Nantes.",
        ],
    ),
    // Spanish
    only(
        &[
            "¡Qué alegría verte otra vez!",
            "La comida estaba riquísima y el sitio es precioso.",
            "Me encanta cómo ha quedado la casa.",
            "Ha sido el mejor verano de mi vida.",
            "Muchísimas gracias por la ayuda.",
        ],
        &[
            "¡Qué vergüenza de servicio!",
            "Llevo dos horas esperando y nadie me atiende.",
            "El teléfono dejó de funcionar al tercer día.",
            "No lo recomiendo a nadie.",
            "Estoy harta de tantas mentiras.",
        ],
        &[
            "El tren de Sevilla llega a las nueve y cuarto.",
            "¿Alguien sabe si mañana abren las tiendas?",
            "El informe tiene cuarenta páginas.",
            "La farmacia está al lado del mercado.",
            "Nació en Cádiz y trabaja en un banco.",
        ],
    ),
    // Italian
    only(
        &[
            "Che bella giornata, finalmente un po' di sole!",
            "Il gelato più buono che abbia mai mangiato.",
            "Complimenti a tutta la squadra, bravissimi.",
            "Sono felicissima del regalo.",
        ],
        &[
            "Un'altra ora di coda, non ne posso più.",
            "La camera era sporca e il bagno rotto.",
            "Che delusione, mi aspettavo molto di più.",
            "Vergogna, così non si trattano i clienti.",
        ],
        &[
            "Il treno per Bologna parte dal binario sette.",
            "La riunione è alle undici.",
            "Qualcuno sa quando riapre la piscina?",
            "Il libro ha trecento pagine e costa dodici euro.",
        ],
    ),
    // Portuguese
    only(
        &[
            "Que dia maravilhoso na praia!",
            "O atendimento foi excelente, voltarei com certeza.",
            "Adorei o filme do começo ao fim.",
            "Parabéns pela nova casa!",
        ],
        &[
            "Que péssimo serviço, nunca mais compro aqui.",
            "O ônibus atrasou de novo e perdi a consulta.",
            "Estou muito decepcionado com este produto.",
            "A comida chegou fria e incompleta.",
        ],
        &[
            "A biblioteca fecha às sete horas.",
            "Alguém sabe onde fica a estação?",
            "A reunião foi marcada para terça-feira.",
            "O rio atravessa duas cidades.",
        ],
    ),
    // Dutch
    only(
        &[
            "Wat een heerlijk weer vandaag!",
            "We hebben genoten van de voorstelling.",
            "Snelle levering en precies wat ik zocht.",
            "Gefeliciteerd met je diploma!",
        ],
        &[
            "Alweer vertraging, ik ben er helemaal klaar mee.",
            "Slechte kwaliteit, na een week al kapot.",
            "Niemand neemt de telefoon op, schandalig.",
            "Dit was zonde van ons geld.",
        ],
        &[
            "De vergadering begint om kwart over drie.",
            "De winkel ligt tegenover het station.",
            "Weet iemand hoe laat de veerboot vertrekt?",
            "Het gebouw is in 1931 opgeleverd.",
        ],
    ),
    // Polish
    only(
        &[
            "Co za wspaniały dzień!",
            "Jedzenie było pyszne, a obsługa bardzo miła.",
            "Bardzo dziękuję za szybką pomoc.",
            "Ta książka jest naprawdę świetna.",
        ],
        &[
            "Znowu spóźniony pociąg, mam tego dość.",
            "Nie polecam, strata czasu i pieniędzy.",
            "Telefon zepsuł się po dwóch dniach.",
            "Jestem bardzo rozczarowana.",
        ],
        &[
            "Spotkanie zaczyna się o dziesiątej.",
            "Sklep jest obok szkoły.",
            "Czy ktoś wie, kiedy otwierają basen?",
            "Most ma sto dwadzieścia metrów długości.",
        ],
    ),
    // Turkish
    only(
        &[
            "Ne kadar güzel bir gün!",
            "Yemekler çok lezzetliydi, tekrar geleceğiz.",
            "Yardımınız için çok teşekkür ederim.",
            "Bu filme bayıldım.",
        ],
        &[
            "Bir haftadır bekliyorum, hâlâ cevap yok.",
            "Hayatımda gördüğüm en kötü hizmet.",
            "Ürün bozuk geldi, paramı geri istiyorum.",
            "Çok üzgünüm, böyle olmamalıydı.",
        ],
        &[
            "Toplantı saat üçte başlıyor.",
            "Eczane postanenin yanında.",
            "Yarın hava nasıl olacak?",
            "Kitap iki yüz sayfa.",
        ],
    ),
    // Russian
    only(
        &[
            "Какой прекрасный день!",
            "Спасибо большое, вы очень помогли.",
            "Фильм просто замечательный, советую всем.",
            "Наконец-то всё работает как надо.",
        ],
        &[
            "Опять опоздали на час, сколько можно терпеть.",
            "Ужасное обслуживание, больше сюда ни ногой.",
            "Телефон сломался на третий день.",
            "Я очень разочарован этой покупкой.",
        ],
        &[
            "Собрание начнётся в половине третьего.",
            "Библиотека находится рядом с вокзалом.",
            "Кто знает, во сколько отходит последний поезд?",
            "Она родилась в Казани и работает врачом.",
        ],
    ),
    // Japanese
    Phrases {
        sentences: [
            &[
                "今日はとても楽しかったです！",
                "料理がおいしくて、店員さんも親切でした。",
                "この本は本当に面白い。",
                "手伝ってくれてありがとうございます。",
            ],
            &[
                "また電車が遅れて、もううんざりです。",
                "一週間で壊れてしまい、とてもがっかりしました。",
                "二度と買いません。",
                "電話しても誰も出ない、ひどい対応だ。",
            ],
            &[
                "会議は三時から始まります。",
                "駅の隣に銀行があります。",
                "図書館は何時まで開いていますか。",
                "この橋の長さは百二十メートルです。",
            ],
        ],
        said: [&[], &[], &[]],
        space: "",
    },
    // Chinese
    Phrases {
        sentences: [
            &["今天天气真好，心情也很好！", "这家餐厅的菜太好吃了。", "非常感谢你们的帮助。", "这部电影值得一看。"],
            &[
                "又晚点了一个小时，真受不了。",
                "质量太差，用了两天就坏了。",
                "服务态度很糟糕，再也不来了。",
                "我对这次购物非常失望。",
            ],
            &["会议改到下午三点半。", "图书馆在火车站旁边。", "请问明天几点开门？", "这座桥长一百二十米。"],
        ],
        said: [&[], &[], &[]],
        space: "",
    },
    // Arabic
    only(
        &[
            "يا له من يوم جميل!",
            "كان الطعام لذيذا والخدمة ممتازة.",
            "شكرا جزيلا على المساعدة.",
            "أحببت هذا الكتاب كثيرا.",
        ],
        &[
            "تأخر القطار مرة أخرى ولم يعتذر أحد.",
            "خدمة سيئة جدا ولن أعود إلى هنا.",
            "تعطل الهاتف بعد يومين فقط.",
            "أنا محبط من هذه التجربة.",
        ],
        &[
            "يبدأ الاجتماع في الساعة الثالثة.",
            "تقع المكتبة بجانب المحطة.",
            "هل يعرف أحد متى يفتح السوق؟",
            "يبلغ طول الجسر مئة متر.",
        ],
    ),
];
