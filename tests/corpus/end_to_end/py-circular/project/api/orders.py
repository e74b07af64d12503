from customers import name


def total():
    return 1
