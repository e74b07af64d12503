from fastapi import FastAPI

app = FastAPI()


@app.post("/login")
def login(user: str):
    return {"user": user}


@app.get("/")
def index():
    return "ok"


@app.get("/health")
def health():
    return "ok"
