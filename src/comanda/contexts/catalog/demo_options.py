"""The option groups of the demo restaurant's menu. Every required group has a default: one click is enough."""

from comanda.contracts.catalog import MenuOption, OptionGroup


def option(id_: str, name: str, price: int = 0, *allergens: str, most: int = 1, default: bool = False) -> MenuOption:
    """Return an option."""
    return MenuOption(id=id_, name=name, price=price, max_quantity=most, default=default, allergens=allergens)


def one_of(id_: str, name: str, *options: MenuOption) -> OptionGroup:
    """Return a group of which exactly one is chosen."""
    return OptionGroup(id=id_, name=name, min=1, max=1, options=options)


def up_to(most: int, id_: str, name: str, *options: MenuOption) -> OptionGroup:
    """Return a group of which none need be chosen, and at most `most`."""
    return OptionGroup(id=id_, name=name, min=0, max=most, options=options)


PORTION = one_of(
    "portion", "Portion", option("portion-tapa", "Tapa", default=True), option("portion-racion", "Ración", 450)
)

DIPS = up_to(
    3,
    "dips",
    "Dips",
    option("dip-aioli", "Alioli", 120, "egg", most=2),
    option("dip-brava", "Salsa brava", 120, most=2),
    option("dip-romesco", "Romesco", 150, "nuts", most=2),
)

BREAD = up_to(
    2,
    "bread",
    "Bread on the side",
    option("bread-sourdough", "Grilled sourdough", 180, "gluten", most=2),
    option("bread-gluten-free", "Gluten-free roll", 220, "egg"),
)

PIZZA_SIZE = one_of(
    "size",
    "Size",
    option("size-26", "26 cm", -200),
    option("size-32", "32 cm", default=True),
    option("size-40", "40 cm, for two", 550),
)

CRUST = one_of(
    "crust",
    "Crust",
    option("crust-classic", "Classic, 48 hours risen", 0, "gluten", default=True),
    option("crust-wholegrain", "Wholegrain", 100, "gluten"),
    option("crust-gluten-free", "Gluten-free", 250),
)

TOPPINGS = up_to(
    6,
    "toppings",
    "Extra toppings",
    option("top-mozzarella", "Mozzarella", 150, "milk", most=2),
    option("top-buffalo", "Buffalo mozzarella", 290, "milk"),
    option("top-jamon", "Jamón serrano", 280),
    option("top-chorizo", "Chorizo picante", 220),
    option("top-anchovies", "Anchovies", 220, "fish"),
    option("top-mushrooms", "Oyster mushrooms", 160),
    option("top-peppers", "Padrón peppers", 150),
    option("top-olives", "Taggiasca olives", 130),
    option("top-rocket", "Rocket", 120),
    option("top-chilli", "Fresh chilli", 50, most=3),
)

PATTY = one_of(
    "patty",
    "Patty",
    option("patty-beef", "Beef, 180 g", default=True),
    option("patty-double", "Double beef, 360 g", 450),
    option("patty-chicken", "Crispy chicken", 0, "gluten", "egg"),
    option("patty-plant", "Chickpea and beetroot", 50, "sesame"),
)

DONENESS = one_of(
    "doneness",
    "How would you like it?",
    option("done-rare", "Rare"),
    option("done-medium", "Medium", default=True),
    option("done-well", "Well done"),
)

BURGER_EXTRAS = up_to(
    5,
    "burger-extras",
    "Make it yours",
    option("extra-cheddar", "Aged cheddar", 150, "milk", most=2),
    option("extra-bacon", "Smoked bacon", 190, most=2),
    option("extra-egg", "Fried egg", 150, "egg"),
    option("extra-avocado", "Avocado", 220),
    option("extra-jalapenos", "Jalapeños", 90),
    option("without-onion", "No onion"),
    option("without-pickle", "No pickles"),
)

SIDE = one_of(
    "side",
    "Side",
    option("side-fries", "Rosemary fries", default=True),
    option("side-sweet-potato", "Sweet potato fries", 120),
    option("side-salad", "Green salad", 0, "mustard"),
    option("side-none", "No side", -150),
)

PAELLA_SIZE = one_of(
    "paella-size",
    "For how many?",
    option("paella-one", "One", default=True),
    option("paella-two", "Two", 1450),
    option("paella-four", "Four", 4200),
)

DRESSING = one_of(
    "dressing",
    "Dressing",
    option("dressing-sherry", "Sherry vinegar", 0, "sulphites", default=True),
    option("dressing-caesar", "Caesar", 0, "egg", "fish", "milk"),
    option("dressing-lemon", "Lemon and olive oil"),
)

PROTEIN = up_to(
    2,
    "protein",
    "Add protein",
    option("protein-chicken", "Grilled chicken", 390),
    option("protein-prawns", "Garlic prawns", 490, "crustaceans"),
    option("protein-tuna", "Bonito del norte", 450, "fish"),
    option("protein-halloumi", "Halloumi", 350, "milk"),
)

SCOOPS = OptionGroup(
    id="scoops",
    name="Scoops",
    min=2,
    max=4,
    options=(
        option("scoop-vanilla", "Bourbon vanilla", 0, "milk", "egg", most=4, default=True),
        option("scoop-chocolate", "Dark chocolate", 0, "milk", most=4, default=True),
        option("scoop-pistachio", "Pistachio", 50, "milk", "nuts", most=4),
        option("scoop-lemon", "Lemon sorbet", 0, most=4),
        option("scoop-turron", "Turrón", 50, "milk", "nuts", most=4),
    ),
)

MILK = one_of(
    "milk",
    "Milk",
    option("milk-cow", "Whole milk", 0, "milk", default=True),
    option("milk-oat", "Oat drink", 40, "gluten"),
    option("milk-almond", "Almond drink", 40, "nuts"),
)

BOTTLE = one_of(
    "bottle", "Size", option("bottle-33", "33 cl", default=True), option("bottle-75", "75 cl to share", 280)
)

ICE = up_to(2, "ice", "Ice and slice", option("ice-cubes", "Ice"), option("ice-lemon", "Slice of lemon"))
